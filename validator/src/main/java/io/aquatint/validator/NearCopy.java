package io.aquatint.validator;

import io.aquatint.diffusion.pipeline.Picture;
import java.util.Map;
import java.util.Optional;

/** How close a sample comes to the pictures that were trained on. */
public final class NearCopy {
    private static final int TILES_A_SIDE = 4;

    private NearCopy() {}

    /** @param distance tiled l2, 0 (the same picture) to 1 */
    public record Match(String sha256, double distance) {}

    /**
     * The training picture that is closest to a sample, among those of the sample's size; empty when there is none of that size.
     *
     * @param training by content hash
     */
    public static Optional<Match> closest(Picture sample, Map<String, Picture> training) {
        Match closest = null;
        for (Map.Entry<String, Picture> entry : training.entrySet()) {
            Picture picture = entry.getValue();
            if (picture.width() != sample.width() || picture.height() != sample.height()) {
                continue;
            }
            double distance = distance(sample, picture);
            if (closest == null || distance < closest.distance()) {
                closest = new Match(entry.getKey(), distance);
            }
        }
        return Optional.ofNullable(closest);
    }

    /**
     * Tiled l2 (Carlini et al. 2023, "Extracting training data from diffusion models"): the root of the mean squared difference of
     * pixels in 0 to 1, the greatest over 16 tiles. A common plain background alone makes no copy.
     *
     * @throws IllegalArgumentException if the sizes differ or a side is under 4 pixels
     */
    public static double distance(Picture one, Picture other) {
        int width = one.width();
        int height = one.height();
        if (width != other.width() || height != other.height() || width < TILES_A_SIDE || height < TILES_A_SIDE) {
            throw new IllegalArgumentException("%d x %d and %d x %d pixels cannot be compared by tiles"
                    .formatted(width, height, other.width(), other.height()));
        }
        double greatest = 0;
        for (int row = 0; row < TILES_A_SIDE; row++) {
            for (int column = 0; column < TILES_A_SIDE; column++) {
                int left = column * width / TILES_A_SIDE;
                int right = (column + 1) * width / TILES_A_SIDE;
                int top = row * height / TILES_A_SIDE;
                int bottom = (row + 1) * height / TILES_A_SIDE;
                greatest = Math.max(greatest, tile(one, other, left, right, top, bottom));
            }
        }
        return greatest;
    }

    private static double tile(Picture one, Picture other, int left, int right, int top, int bottom) {
        long sum = 0;
        for (int y = top; y < bottom; y++) {
            for (int i = 3 * (y * one.width() + left); i < 3 * (y * one.width() + right); i++) {
                int difference = (one.rgb()[i] & 0xff) - (other.rgb()[i] & 0xff);
                sum += (long) difference * difference;
            }
        }
        return Math.sqrt(sum / (3.0 * (right - left) * (bottom - top))) / 255;
    }
}
