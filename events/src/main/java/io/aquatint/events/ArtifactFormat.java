package io.aquatint.events;

/** Which tools read the file. */
public enum ArtifactFormat {
    /** Diffusers; a model of whole networks has several such files, in diffusers' folders. */
    DIFFUSERS,
    /** Kohya's scripts, A1111 and ComfyUI: an adapter. */
    KOHYA,
    /** A1111 and ComfyUI: a word, which they call by the file's name. */
    A1111,
    /** A1111, ComfyUI and kohya's scripts: a whole model in the original layout. */
    SINGLE_FILE
}
