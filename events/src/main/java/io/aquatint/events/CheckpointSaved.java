package io.aquatint.events;

/** The adapter of a step is in the object store, and the state from which the training can go on. */
@EventType("checkpoint.saved")
public record CheckpointSaved(
        String trainingId,
        int step,
        int epoch,
        String objectKey,
        String sha256,
        long bytes,
        String stateKey,
        double loss)
        implements TrainingEvent {}
