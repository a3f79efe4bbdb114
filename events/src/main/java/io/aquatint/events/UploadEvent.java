package io.aquatint.events;

/** What upload apps send. */
public sealed interface UploadEvent permits ImageUploaded, DatasetConfigured, DatasetSealed {
    /** The data set, which is the record's key. */
    String dataset();
}
