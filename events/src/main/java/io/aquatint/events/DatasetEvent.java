package io.aquatint.events;

/** What the batcher decides. */
public sealed interface DatasetEvent permits BatchCompleted, BatchIncomplete {
    /** The data set, which is the record's key. */
    String dataset();
}
