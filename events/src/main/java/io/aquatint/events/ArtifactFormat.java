package io.aquatint.events;

/** Which tools read the file. */
public enum ArtifactFormat {
    DIFFUSERS,
    KOHYA
}
