package io.aquatint.events;

/** The rules by which overfitting is told. */
public enum AlertRule {
    /** The held-out loss rose above its best at several evaluations running while the training subset's still fell. */
    VALIDATION_LOSS_RISING,
    /** The held-out loss is above what the base model had. */
    VALIDATION_LOSS_ABOVE_START,
    /** A loss is no number. */
    LOSS_NOT_FINITE,
    /** A sample is a copy of a training picture. */
    COPY
}
