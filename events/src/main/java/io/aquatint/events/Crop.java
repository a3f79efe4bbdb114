package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/**
 * What was cut out of the upright picture, in its pixels.
 *
 * @param size its shorter side
 * @param width absent for a square, as is the height
 */
public record Crop(
        int x,
        int y,
        int size,
        @Nullable Integer width,
        @Nullable Integer height) {

    /** A square. */
    public Crop(int x, int y, int size) {
        this(x, y, size, null, null);
    }
}
