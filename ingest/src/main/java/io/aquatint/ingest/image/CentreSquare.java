package io.aquatint.ingest.image;

import io.aquatint.events.Crop;
import io.aquatint.events.PixelSize;
import java.util.Optional;
import java.util.function.Function;

/**
 * The centre square of a picture, upright, decoded as large as it is or smaller.
 *
 * @param before the upright picture's size
 * @param crop the square in the upright picture
 * @param pixels the square, and where it was decoded smaller what is left of pixels that it cuts through
 * @param left where the square begins in {@code pixels}
 * @param top where the square begins in {@code pixels}
 * @param side of the square in {@code pixels}
 */
record CentreSquare(PixelSize before, Crop crop, RgbImage pixels, double left, double top, double side) {

    static CentreSquare of(RgbImage stored, Orientation orientation) {
        return of(stored.width(), stored.height(), orientation, 1, box -> Optional.of(stored.crop(box)))
                .orElseThrow();
    }

    /**
     * @param width of the stored picture
     * @param height of the stored picture
     * @param scale how many pixels of each side are decoded to one
     * @param decoding gives a rectangle of the stored picture at that scale
     * @return empty if {@code decoding} gives nothing
     */
    static Optional<CentreSquare> of(
            int width,
            int height,
            Orientation orientation,
            int scale,
            Function<PixelBox, Optional<RgbImage>> decoding) {
        PixelSize before = orientation.transposed() ? new PixelSize(height, width) : new PixelSize(width, height);
        int side = Math.min(width, height);
        Crop crop = new Crop((before.width() - side) / 2, (before.height() - side) / 2, side);
        Crop stored = orientation.stored(crop, width, height);
        PixelBox box = new PixelBox(
                stored.x() / scale,
                stored.y() / scale,
                (stored.x() + side + scale - 1) / scale,
                (stored.y() + side + scale - 1) / scale);
        double span = (double) side / scale;
        double x = (double) stored.x() / scale - box.left();
        double y = (double) stored.y() / scale - box.top();
        double left = orientation.mirroredX() ? box.width() - x - span : x;
        double top = orientation.mirroredY() ? box.height() - y - span : y;
        return decoding.apply(box)
                .map(pixels -> new CentreSquare(
                        before,
                        crop,
                        orientation.upright(pixels),
                        orientation.transposed() ? top : left,
                        orientation.transposed() ? left : top,
                        span));
    }

    /** The square at another size. */
    RgbImage resized(int size) {
        return Lanczos.resize(pixels, left, top, side, size);
    }
}
