package io.aquatint.ingest.image;

/**
 * What a picture may be at most, and must be at least. Checked before anything is decoded.
 *
 * @param bytes of the file
 * @param pixels width times height
 * @param smallestSide in pixels
 */
public record Limits(long bytes, long pixels, int smallestSide) {
    /** 32 MiB, 50 megapixels, 8 pixels. */
    public static final Limits DEFAULT = new Limits(32L << 20, 50_000_000, 8);

    /** A 16-bit picture with alpha takes 12 while it is decoded and cropped. */
    public static final int HEAP_BYTES_PER_PIXEL = 16;

    /** How many pictures may be worked on together: one for each core, as far as this JVM's memory reaches for the largest. */
    public int picturesAtOnce() {
        long affordable = Runtime.getRuntime().maxMemory() / HEAP_BYTES_PER_PIXEL / pixels;
        return (int) Math.max(1, Math.min(affordable, Runtime.getRuntime().availableProcessors()));
    }

    Limits withSmallestSide(int side) {
        return new Limits(bytes, pixels, side);
    }
}
