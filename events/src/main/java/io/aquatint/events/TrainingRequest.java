package io.aquatint.events;

/** The work queue of the trainers. */
public sealed interface TrainingRequest permits TrainingRequested {
    /** The training, "data set/batch", which is the record's key. */
    String trainingId();
}
