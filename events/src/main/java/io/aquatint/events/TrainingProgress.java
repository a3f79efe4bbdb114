package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** Where a training is; at most one a second. */
@EventType("training.progress")
public record TrainingProgress(
        String trainingId,
        int step,
        int steps,
        double loss,
        double learningRate,
        double stepsPerSecond,
        double secondsLeft,
        @Nullable Double gradientNorm)
        implements TrainingEvent {}
