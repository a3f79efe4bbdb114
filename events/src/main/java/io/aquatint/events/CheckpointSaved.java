package io.aquatint.events;

/**
 * What was learned by a step is in the object store, and the state from which the training can go on. Which kind of file it is
 * follows from the method: an adapter, a word, or whole networks whose tensors are named by their components.
 */
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
