package io.aquatint.events;

/** No more pictures are coming for the batch: train on what is there. */
@EventType("dataset.sealed")
public record DatasetSealed(String dataset) implements UploadEvent, VerdictEvent {}
