package io.aquatint.events;

/** What the registry announces. */
public sealed interface ModelEvent permits ModelReady, ModelRejected {
    /** The data set, which is the record's key. */
    String dataset();
}
