package io.aquatint.diffusion.scheduler;

/** What a network predicts of a noisy sample x = signal · clean + noise · ε. */
public enum PredictionType {
    /** ε, the noise. */
    EPSILON,
    /** signal · ε − noise · clean (Salimans and Ho, Progressive Distillation, 2022). */
    V_PREDICTION,
    /** The clean sample. */
    SAMPLE
}
