package io.aquatint.events;

/** How a data set is to be trained from now on. */
@EventType("dataset.configured")
public record DatasetConfigured(String dataset, TrainingSpec spec) implements UploadEvent, VerdictEvent {}
