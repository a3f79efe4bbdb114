package io.aquatint.pretraining;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** A picture with transparency that is laid over others, square, premultiplied: four numbers a pixel in 0 to 1. */
final class Sprite {
    /** Samples a side for each pixel that is painted. */
    private static final int SAMPLES = 2;

    private final int side;
    private final float[] rgba;

    private Sprite(int side, float[] rgba) {
        this.side = side;
        this.rgba = rgba;
    }

    /** @param rgba row by row, four bytes a pixel, not premultiplied */
    static Sprite of(int side, byte[] rgba) {
        float[] premultiplied = new float[rgba.length];
        for (int i = 0; i < rgba.length; i += 4) {
            float alpha = (rgba[i + 3] & 0xff) / 255f;
            for (int channel = 0; channel < 3; channel++) {
                premultiplied[i + channel] = (rgba[i + channel] & 0xff) / 255f * alpha;
            }
            premultiplied[i + 3] = alpha;
        }
        return new Sprite(side, premultiplied);
    }

    /** The same shape in shades of one colour, from nearly black through the colour to nearly white. */
    Sprite tinted(Colour colour) {
        float[] tinted = new float[rgba.length];
        for (int i = 0; i < rgba.length; i += 4) {
            float alpha = rgba[i + 3];
            if (alpha == 0) {
                continue;
            }
            float light = (0.299f * rgba[i] + 0.587f * rgba[i + 1] + 0.114f * rgba[i + 2]) / alpha;
            for (int channel = 0; channel < 3; channel++) {
                float full = colour.channel(channel);
                float shade = light < 0.55f
                        ? full * (0.25f + 0.75f * light / 0.55f)
                        : full + (1 - full) * 0.65f * (light - 0.55f) / 0.45f;
                tinted[i + channel] = shade * alpha;
            }
            tinted[i + 3] = alpha;
        }
        return new Sprite(side, tinted);
    }

    /**
     * Where a sprite goes.
     *
     * @param x the centre, in 0 to 1 of the picture's side
     * @param scale the sprite's side in 0 to 1 of the picture's
     * @param angle in radians, clockwise
     */
    record Place(double x, double y, double scale, double angle) {
        /** @param most how far it may be moved; less where there is no room */
        Place jittered(SplittableRandom random, double most) {
            double shift = Math.min(most, 0.3 * Math.max(0, 1 - scale));
            return new Place(
                    x + (2 * random.nextDouble() - 1) * shift,
                    y + (2 * random.nextDouble() - 1) * shift,
                    scale * (0.93 + 0.14 * random.nextDouble()),
                    (2 * random.nextDouble() - 1) * 0.12);
        }
    }

    /** Lays this over a picture, [3][size * size] in 0 to 1. */
    void paint(float[][] picture, int size, Place place) {
        double cos = Math.cos(place.angle());
        double sin = Math.sin(place.angle());
        double perPixel = side / (place.scale() * size);
        double half = 0.5 * place.scale() * size * (Math.abs(cos) + Math.abs(sin));
        int left = (int) Math.max(0, Math.floor(place.x() * size - half));
        int right = (int) Math.min(size - 1, Math.ceil(place.x() * size + half));
        int top = (int) Math.max(0, Math.floor(place.y() * size - half));
        int bottom = (int) Math.min(size - 1, Math.ceil(place.y() * size + half));
        float[] sum = new float[4];
        for (int row = top; row <= bottom; row++) {
            for (int column = left; column <= right; column++) {
                Arrays.fill(sum, 0);
                for (int sample = 0; sample < SAMPLES * SAMPLES; sample++) {
                    int sampleColumn = sample % SAMPLES;
                    int sampleRow = sample / SAMPLES;
                    double dx = column + (sampleColumn + 0.5) / SAMPLES - place.x() * size;
                    double dy = row + (sampleRow + 0.5) / SAMPLES - place.y() * size;
                    double u = (cos * dx + sin * dy) * perPixel + 0.5 * side - 0.5;
                    double v = (cos * dy - sin * dx) * perPixel + 0.5 * side - 0.5;
                    add(sum, u, v);
                }
                int at = row * size + column;
                float through = 1 - sum[3] / (SAMPLES * SAMPLES);
                for (int channel = 0; channel < 3; channel++) {
                    picture[channel][at] = picture[channel][at] * through + sum[channel] / (SAMPLES * SAMPLES);
                }
            }
        }
    }

    /** Adds what is at a point, between four pixels. */
    private void add(float[] sum, double u, double v) {
        if (u <= -1 || v <= -1 || u >= side || v >= side) {
            return;
        }
        int column = (int) Math.floor(u);
        int row = (int) Math.floor(v);
        float right = (float) (u - column);
        float down = (float) (v - row);
        add(sum, column, row, (1 - right) * (1 - down));
        add(sum, column + 1, row, right * (1 - down));
        add(sum, column, row + 1, (1 - right) * down);
        add(sum, column + 1, row + 1, right * down);
    }

    private void add(float[] sum, int column, int row, float weight) {
        if (column >= 0 && column < side && row >= 0 && row < side) {
            int at = 4 * (row * side + column);
            sum[0] += weight * rgba[at];
            sum[1] += weight * rgba[at + 1];
            sum[2] += weight * rgba[at + 2];
            sum[3] += weight * rgba[at + 3];
        }
    }

    /** This sprite, or its tinted form. */
    Sprite inColour(@Nullable Colour tint) {
        return tint == null ? this : tinted(tint);
    }
}
