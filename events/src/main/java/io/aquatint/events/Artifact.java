package io.aquatint.events;

/** A file of a model version. */
public record Artifact(ArtifactFormat format, String objectKey, String sha256, long bytes, String url) {}
