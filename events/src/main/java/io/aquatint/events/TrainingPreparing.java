package io.aquatint.events;

/**
 * Before its first step a training waits for its class pictures, which the base model draws; at most one a second. {@code
 * classImages} of {@code numClassImages} are there.
 */
@EventType("training.preparing")
public record TrainingPreparing(String trainingId, int epoch, int classImages, int numClassImages, double secondsLeft)
        implements TrainingEvent {}
