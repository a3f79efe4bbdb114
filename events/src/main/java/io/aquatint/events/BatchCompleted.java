package io.aquatint.events;

/** Enough pictures: a training was requested. */
@EventType("batch.completed")
public record BatchCompleted(String dataset, int batch, int images, int newImages, int heldOut, BatchTrigger trigger)
        implements DatasetEvent {}
