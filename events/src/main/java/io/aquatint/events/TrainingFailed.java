package io.aquatint.events;

/** A training failed, and whether it is tried again. */
@EventType("training.failed")
public record TrainingFailed(String trainingId, FailureReason reason, String detail, int attempt, boolean willRetry)
        implements TrainingEvent {}
