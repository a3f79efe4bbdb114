package io.aquatint.events;

/** A training is done; what it learned is at {@code objectKey}. */
@EventType("training.completed")
public record TrainingCompleted(
        String trainingId, int step, int epoch, String objectKey, String sha256, double seconds, double finalLoss)
        implements TrainingEvent {}
