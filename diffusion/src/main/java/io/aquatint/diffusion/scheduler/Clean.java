package io.aquatint.diffusion.scheduler;

/** The clean sample as {@code fromSample · sample + fromOutput · output}. */
record Clean(double fromSample, double fromOutput) {

    /** For a sample {@code signal · clean + noise · ε}. */
    static Clean of(PredictionType type, double signal, double noise) {
        return switch (type) {
            case EPSILON -> new Clean(1 / signal, -noise / signal);
            case V_PREDICTION -> new Clean(signal, -noise);
            case SAMPLE -> new Clean(0, 1);
        };
    }
}
