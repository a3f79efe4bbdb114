package io.aquatint.events;

/** What ingest says of the uploads, in their order. */
public sealed interface VerdictEvent permits ImageAccepted, ImageRejected, DatasetConfigured, DatasetSealed {
    /** The data set, which is the record's key. */
    String dataset();
}
