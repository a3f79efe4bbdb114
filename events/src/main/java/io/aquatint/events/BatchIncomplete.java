package io.aquatint.events;

/** The data set was sealed with too few pictures. */
@EventType("batch.incomplete")
public record BatchIncomplete(String dataset, int batch, int have, int need, int missing, String detail)
        implements DatasetEvent {}
