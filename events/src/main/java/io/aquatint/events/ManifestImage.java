package io.aquatint.events;

/** A picture of a training: its content hash, where it is, its caption, and the batch in which it came. */
public record ManifestImage(String sha256, String objectKey, String caption, int batch) {}
