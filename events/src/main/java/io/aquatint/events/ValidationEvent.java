package io.aquatint.events;

/** What the validator finds. */
public sealed interface ValidationEvent permits SamplesGenerated, ValidationScored, OverfittingAlert {
    /** The training, "data set/batch", which is the record's key. */
    String trainingId();
}
