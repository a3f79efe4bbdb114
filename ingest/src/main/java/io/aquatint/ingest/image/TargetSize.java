package io.aquatint.ingest.image;

import io.aquatint.events.PixelSize;
import io.aquatint.events.TrainingSpec;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What size pictures are prepared at: that of these whose shape is nearest.
 *
 * @param sizes at least one
 */
public record TargetSize(List<PixelSize> sizes) {
    private static final int STEP = 64;
    private static final double LONGEST = 2;

    public TargetSize {
        sizes = List.copyOf(sizes);
    }

    public static TargetSize square(int resolution) {
        return new TargetSize(List.of(new PixelSize(resolution, resolution)));
    }

    /**
     * A square and several shapes of about as many pixels, up to twice as wide as high or as high as wide, both sides multiples of
     * 64.
     *
     * @param resolution the square's side in pixels
     */
    public static TargetSize buckets(int resolution) {
        List<PixelSize> sizes = new ArrayList<>();
        sizes.add(new PixelSize(resolution, resolution));
        long pixels = (long) resolution * resolution;
        for (int width = (resolution / STEP + 1) * STEP; ; width += STEP) {
            int height = (int) (pixels / width / STEP * STEP);
            if (height == 0 || width > LONGEST * height) {
                return new TargetSize(sizes);
            }
            sizes.add(new PixelSize(width, height));
            sizes.add(new PixelSize(height, width));
        }
    }

    /** What a spec says of its pictures. */
    public static TargetSize of(TrainingSpec spec) {
        return spec.aspectRatioBuckets() ? buckets(spec.resolution()) : square(spec.resolution());
    }

    /** The size for a picture of this one, upright. */
    PixelSize of(PixelSize upright) {
        double shape = shape(upright);
        return sizes.stream()
                .min(Comparator.comparingDouble(size -> Math.abs(shape(size) - shape)))
                .orElseThrow();
    }

    /** The largest part of a picture that has the shape of a size. */
    static PixelSize cut(PixelSize upright, PixelSize size) {
        long width = Math.round((double) upright.height() * size.width() / size.height());
        long height = Math.round((double) upright.width() * size.height() / size.width());
        return new PixelSize((int) Math.max(1, Math.min(upright.width(), width)), (int)
                Math.max(1, Math.min(upright.height(), height)));
    }

    /** The same distance for twice as wide and for half as wide. */
    private static double shape(PixelSize size) {
        return Math.log((double) size.width() / size.height());
    }
}
