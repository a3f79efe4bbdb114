package io.aquatint.ingest.image;

/** A rectangle of pixels; {@code right} and {@code bottom} are the first that are outside. */
record PixelBox(int left, int top, int right, int bottom) {
    int width() {
        return right - left;
    }

    int height() {
        return bottom - top;
    }
}
