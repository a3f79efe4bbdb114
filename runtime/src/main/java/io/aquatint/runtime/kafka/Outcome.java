package io.aquatint.runtime.kafka;

/** What a worker made of a job. */
public enum Outcome {
    /** Done. */
    ACCEPT,
    /** Not done: another worker may try. */
    RELEASE,
    /** Never to be tried again. */
    REJECT
}
