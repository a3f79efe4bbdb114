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

    Limits withSmallestSide(int side) {
        return new Limits(bytes, pixels, side);
    }
}
