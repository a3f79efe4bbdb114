package io.aquatint.events;

/** Stop after the current step, keeping what is there. */
@EventType("training.stop")
public record StopTraining(String trainingId, String reason, String detail) implements TrainingCommand {}
