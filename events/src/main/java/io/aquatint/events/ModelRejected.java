package io.aquatint.events;

/** A trained model could not be published, and why. */
@EventType("model.rejected")
public record ModelRejected(String dataset, int version, String trainingId, String detail) implements ModelEvent {}
