package io.aquatint.events;

/** What trainers are told while they train. */
public sealed interface TrainingCommand permits StopTraining {
    /** The training, "data set/batch", which is the record's key. */
    String trainingId();
}
