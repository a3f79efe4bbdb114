package io.aquatint.diffusion.pipeline;

/** Something made for a model that a later job with it may use as well: a step that is recorded, with all its memory. */
public interface Reusable extends AutoCloseable {
    /** Equal keys mean that one serves as well as the other. */
    Object key();

    /** What it takes on the device, but for what was recorded. */
    long bytes();

    @Override
    void close();
}
