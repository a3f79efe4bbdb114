package io.aquatint.events;

/** What completed a batch. */
public enum BatchTrigger {
    /** It reached its size. */
    SIZE,
    /** The data set was sealed. */
    SEALED,
    /** No picture came for the quiet time. */
    QUIET
}
