package io.aquatint.diffusion.training;

/** The loss or its gradient is no finite number; nothing of this step is to be kept. */
public final class TrainingDivergedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int step;

    public TrainingDivergedException(int step, float loss, float gradientNorm) {
        super("step %d: the loss is %s and the gradient's norm %s; %s"
                .formatted(step, loss, gradientNorm, advice(step, loss)));
        this.step = step;
    }

    /** The first loss is of what training began from, whatever the learning rate. */
    private static String advice(int step, float loss) {
        return step == 1 && !Float.isFinite(loss)
                ? "the weights that training began from hold NaN or infinity, or overflow in fp16:"
                        + " see whether the base model draws a picture, and get it again"
                : "lower the learning rate, and go on from the last checkpoint";
    }

    /** The step that failed, from 1. */
    public int step() {
        return step;
    }
}
