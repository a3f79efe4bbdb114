package io.aquatint.diffusion.training;

/**
 * By what the loss is multiplied before it is differentiated, so that small gradients are not lost in half precision; as PyTorch's
 * GradScaler: halved where the gradient was not finite, doubled after 2000 steps without.
 */
final class LossScale {
    private static final double FIRST = 65536;
    private static final int GROWTH_INTERVAL = 2000;

    private final boolean dynamic;
    private double factor;
    private int goodSteps;

    private LossScale(boolean dynamic) {
        this.dynamic = dynamic;
        reset();
    }

    /** As before the first step. */
    void reset() {
        factor = dynamic ? FIRST : 1;
        goodSteps = 0;
    }

    /** Always 1: for precisions with float32's range. */
    static LossScale none() {
        return new LossScale(false);
    }

    /** Begins as GradScaler does. */
    static LossScale dynamic() {
        return new LossScale(true);
    }

    double factor() {
        return factor;
    }

    /** Whether a gradient that is not finite may be the scale's fault: the step is then left out, and the next one is tried. */
    boolean mayShrink() {
        return dynamic && factor > 1;
    }

    void updated(boolean finite) {
        if (!dynamic) {
            return;
        }
        if (!finite) {
            factor /= 2;
            goodSteps = 0;
        } else if (++goodSteps == GROWTH_INTERVAL) {
            factor *= 2;
            goodSteps = 0;
        }
    }

    /** What {@link #restore} reads. */
    String state() {
        return factor + " " + goodSteps;
    }

    /** @throws NumberFormatException if the text is no state */
    void restore(String state) {
        String[] parts = state.split(" ", 2);
        factor = Double.parseDouble(parts[0]);
        goodSteps = parts.length < 2 ? 0 : Integer.parseInt(parts[1]);
    }
}
