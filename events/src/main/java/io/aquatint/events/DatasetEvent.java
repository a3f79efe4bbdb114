package io.aquatint.events;

/** What becomes of a data set. */
public sealed interface DatasetEvent permits BatchCompleted, BatchIncomplete, DatasetRejected {
    /** The data set, which is the record's key. */
    String dataset();
}
