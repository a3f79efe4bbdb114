package io.aquatint.events;

/** A checkpoint of a model version. */
public record ModelCheckpoint(int step, String objectKey, String sha256, double loss) {}
