package io.aquatint.events;

/** What trainers report. */
public sealed interface TrainingEvent
        permits TrainingStarted,
                TrainingProgress,
                CheckpointSaved,
                TrainingCompleted,
                TrainingFailed,
                TrainingWarned,
                TrainingPreparing {
    /** The training, "data set/batch", which is the record's key. */
    String trainingId();
}
