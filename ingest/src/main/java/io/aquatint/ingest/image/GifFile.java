package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;

/**
 * Where the first frame of a GIF lies on its canvas.
 *
 * @param transparent the palette index that means nothing is there, or -1
 */
record GifFile(int left, int top, int canvasWidth, int canvasHeight, int transparent) {

    /** @throws RejectedImageException if the file ends before its first frame begins */
    static GifFile read(byte[] file) {
        try {
            return parse(file);
        } catch (ArrayIndexOutOfBoundsException e) {
            throw new RejectedImageException(RejectionReason.TRUNCATED, "the GIF ends before its first frame", e);
        }
    }

    private static GifFile parse(byte[] file) {
        int position = 13 + paletteBytes(file[10]);
        int transparent = -1;
        while (file[position] == 0x21) { // extensions: a label, then blocks until an empty one
            if ((file[position + 1] & 0xff) == 0xf9 && (file[position + 3] & 1) == 1) {
                transparent = file[position + 6] & 0xff;
            }
            position += 2;
            while (file[position] != 0) {
                position += 1 + (file[position] & 0xff);
            }
            position++;
        }
        if (file[position] != 0x2c) {
            throw new RejectedImageException(RejectionReason.CORRUPT, "the GIF has no frame");
        }
        int left = twoBytes(file, position + 1);
        int top = twoBytes(file, position + 3);
        return new GifFile(
                left,
                top,
                Math.max(twoBytes(file, 6), left + twoBytes(file, position + 5)),
                Math.max(twoBytes(file, 8), top + twoBytes(file, position + 7)),
                transparent);
    }

    private static int paletteBytes(byte flags) {
        return (flags & 0x80) == 0 ? 0 : 3 * (2 << (flags & 7));
    }

    private static int twoBytes(byte[] file, int position) {
        return (file[position] & 0xff) | ((file[position + 1] & 0xff) << 8);
    }
}
