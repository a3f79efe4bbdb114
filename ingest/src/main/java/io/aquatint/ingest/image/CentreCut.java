package io.aquatint.ingest.image;

import io.aquatint.events.Crop;
import io.aquatint.events.PixelSize;
import java.util.Optional;
import java.util.function.Function;

/**
 * The middle of a picture, upright, decoded as large as it is or smaller.
 *
 * @param before the upright picture's size
 * @param after the size that it is prepared at
 * @param crop the largest part of that shape in the upright picture
 * @param pixels that part, and where it was decoded smaller what is left of pixels that it cuts through
 * @param left where it begins in {@code pixels}
 * @param top where it begins in {@code pixels}
 * @param width of it in {@code pixels}
 * @param height of it in {@code pixels}
 */
record CentreCut(
        PixelSize before,
        PixelSize after,
        Crop crop,
        RgbImage pixels,
        double left,
        double top,
        double width,
        double height) {

    static CentreCut of(RgbImage stored, Orientation orientation, TargetSize target) {
        return of(stored.width(), stored.height(), orientation, target, 1, box -> Optional.of(stored.crop(box)))
                .orElseThrow();
    }

    /**
     * @param width of the stored picture
     * @param height of the stored picture
     * @param scale how many pixels of each side are decoded to one
     * @param decoding gives a rectangle of the stored picture at that scale
     * @return empty if {@code decoding} gives nothing
     */
    static Optional<CentreCut> of(
            int width,
            int height,
            Orientation orientation,
            TargetSize target,
            int scale,
            Function<PixelBox, Optional<RgbImage>> decoding) {
        PixelSize before = orientation.upright(new PixelSize(width, height));
        PixelSize after = target.of(before);
        PixelSize cut = TargetSize.cut(before, after);
        int x = (before.width() - cut.width()) / 2;
        int y = (before.height() - cut.height()) / 2;
        PixelBox stored = orientation.stored(new PixelBox(x, y, x + cut.width(), y + cut.height()), width, height);
        PixelBox box = new PixelBox(
                stored.left() / scale,
                stored.top() / scale,
                (stored.right() + scale - 1) / scale,
                (stored.bottom() + scale - 1) / scale);
        double across = (double) stored.width() / scale;
        double down = (double) stored.height() / scale;
        double storedLeft = (double) stored.left() / scale - box.left();
        double storedTop = (double) stored.top() / scale - box.top();
        double left = orientation.mirroredX() ? box.width() - storedLeft - across : storedLeft;
        double top = orientation.mirroredY() ? box.height() - storedTop - down : storedTop;
        boolean transposed = orientation.transposed();
        return decoding.apply(box)
                .map(pixels -> new CentreCut(
                        before,
                        after,
                        crop(x, y, cut),
                        orientation.upright(pixels),
                        transposed ? top : left,
                        transposed ? left : top,
                        transposed ? down : across,
                        transposed ? across : down));
    }

    private static Crop crop(int x, int y, PixelSize cut) {
        int side = Math.min(cut.width(), cut.height());
        return cut.width() == cut.height() ? new Crop(x, y, side) : new Crop(x, y, side, cut.width(), cut.height());
    }

    /** At the size that it is prepared at. */
    RgbImage resized() {
        return Lanczos.resize(pixels, left, top, width, height, after);
    }
}
