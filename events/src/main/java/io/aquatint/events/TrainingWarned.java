package io.aquatint.events;

/** A setting that seldom does what one wants, and what to do instead. */
@EventType("training.warned")
public record TrainingWarned(String trainingId, String rule, String detail, String advice) implements TrainingEvent {}
