package io.aquatint.diffusion.training;

/** The loss or its gradient is no finite number; nothing of this step is to be kept. */
public final class TrainingDivergedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int step;

    public TrainingDivergedException(int step, float loss, float gradientNorm) {
        super(
                "step %d: the loss is %s and the gradient's norm %s; lower the learning rate, and go on from the last checkpoint"
                        .formatted(step, loss, gradientNorm));
        this.step = step;
    }

    /** The step that failed, from 1. */
    public int step() {
        return step;
    }
}
