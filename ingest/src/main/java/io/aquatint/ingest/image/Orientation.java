package io.aquatint.ingest.image;

import io.aquatint.events.PixelSize;

/**
 * How the stored rows and columns of a picture must be turned to be upright: first mirrored in x and y, then, where it is
 * transposed, x and y exchanged.
 */
record Orientation(boolean mirroredX, boolean mirroredY, boolean transposed) {
    static final Orientation UPRIGHT = new Orientation(false, false, false);

    /** By EXIF's number, 1 to 8. */
    static Orientation ofExif(int number) {
        return new Orientation(
                number == 2 || number == 3 || number == 7 || number == 8,
                number == 3 || number == 4 || number == 6 || number == 7,
                number >= 5);
    }

    /** The size of an upright picture that is stored with this one. */
    PixelSize upright(PixelSize stored) {
        return transposed ? new PixelSize(/* width= */ stored.height(), /* height= */ stored.width()) : stored;
    }

    /** Where a part of the upright picture lies in the stored one, which is {@code width} x {@code height} pixels. */
    PixelBox stored(PixelBox upright, int width, int height) {
        PixelBox turned = transposed
                ? new PixelBox(
                        /* left= */ upright.top(),
                        /* top= */ upright.left(),
                        /* right= */ upright.bottom(),
                        /* bottom= */ upright.right())
                : upright;
        return new PixelBox(
                mirroredX ? width - turned.right() : turned.left(),
                mirroredY ? height - turned.bottom() : turned.top(),
                mirroredX ? width - turned.left() : turned.right(),
                mirroredY ? height - turned.top() : turned.bottom());
    }

    RgbImage upright(RgbImage stored) {
        if (equals(UPRIGHT)) {
            return stored;
        }
        int width = transposed ? stored.height() : stored.width();
        int height = transposed ? stored.width() : stored.height();
        byte[] out = new byte[stored.rgb().length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int fromX = transposed ? y : x;
                int fromY = transposed ? x : y;
                fromX = mirroredX ? stored.width() - 1 - fromX : fromX;
                fromY = mirroredY ? stored.height() - 1 - fromY : fromY;
                int from = 3 * (fromY * stored.width() + fromX);
                int to = 3 * (y * width + x);
                out[to] = stored.rgb()[from];
                out[to + 1] = stored.rgb()[from + 1];
                out[to + 2] = stored.rgb()[from + 2];
            }
        }
        return new RgbImage(width, height, out);
    }
}
