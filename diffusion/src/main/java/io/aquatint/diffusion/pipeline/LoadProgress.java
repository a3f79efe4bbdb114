package io.aquatint.diffusion.pipeline;

/** Is told how much of a model's files has been read. */
@FunctionalInterface
public interface LoadProgress {
    /** For nobody. */
    LoadProgress UNSEEN = (bytes, total) -> {};

    /**
     * Called after each tensor.
     *
     * @param bytes read so far
     * @param total what will have been read at the end
     */
    void read(long bytes, long total);
}
