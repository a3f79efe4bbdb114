package io.aquatint.ingest.image;

import java.util.Optional;

/**
 * Decodes a rectangle of a {@link BaselineJpeg}, at full size or at a half or a quarter of it. At full size the pixels
 * are those of libjpeg.
 *
 * <p>Why a decoder of our own: the JDK's reader decodes every pixel of a picture of which ingest needs a small copy, into an image
 * from which it must be copied once more; this one does not even transform what falls outside the square or is above the
 * frequencies that the copy can show, and it is Java, so that a stranger's file cannot break more than itself.
 */
final class JpegDecoder {
    private static final int BITS = 16;
    private static final int HALF = 1 << (BITS - 1);
    private static final int RED_OF_CR = 91881; // 1.40200
    private static final int BLUE_OF_CB = 116130; // 1.77200
    private static final int GREEN_OF_CB = -22554; // 0.34414
    private static final int GREEN_OF_CR = -46802; // 0.71414

    private JpegDecoder() {}

    /**
     * @param rgb whether the three colours are red, green and blue as they are
     * @param scale 1, 2 or 4: so many pixels of each side become one
     * @param wanted in pixels of the scaled picture
     * @return empty if the data is damaged
     */
    static Optional<RgbImage> decode(byte[] file, BaselineJpeg jpeg, boolean rgb, int scale, PixelBox wanted) {
        BaselineJpeg.Component luma = jpeg.components().get(0);
        JpegPlane[] planes = new JpegPlane[jpeg.components().size()];
        for (int i = 0; i < planes.length; i++) {
            BaselineJpeg.Component component = jpeg.components().get(i);
            planes[i] = new JpegPlane(
                    jpeg,
                    component,
                    scale,
                    wanted,
                    luma.horizontal() / component.horizontal(),
                    luma.vertical() / component.vertical());
        }
        EntropyReader reader = new EntropyReader(file, jpeg.dataStart(), jpeg.dataEnd());
        if (!readUnits(reader, jpeg, planes)) {
            return Optional.empty();
        }
        return Optional.of(pixels(planes, rgb, wanted));
    }

    private static boolean readUnits(EntropyReader reader, BaselineJpeg jpeg, JpegPlane[] planes) {
        BaselineJpeg.Component luma = jpeg.components().get(0);
        int across = divideUp(jpeg.width(), 8 * luma.horizontal());
        int units = across * divideUp(jpeg.height(), 8 * luma.vertical());
        int interval = jpeg.restartInterval() == 0 ? units : jpeg.restartInterval();
        if (reader.intervals() != divideUp(units, interval)) {
            return false;
        }
        for (int unit = 0; unit < units; unit++) {
            if (unit > 0 && unit % interval == 0) {
                if (reader.isBeyondEnd()) {
                    return false;
                }
                reader.restart();
                for (JpegPlane plane : planes) {
                    plane.restart();
                }
            }
            for (JpegPlane plane : planes) {
                if (reader.isFarBeyondEnd() || !plane.readUnit(reader, unit % across, unit / across)) {
                    return false;
                }
            }
            if ((unit + 1) % across == 0) {
                for (JpegPlane plane : planes) {
                    plane.endRow(unit / across);
                }
            }
        }
        return !reader.isBeyondEnd();
    }

    private static RgbImage pixels(JpegPlane[] planes, boolean rgb, PixelBox wanted) {
        int width = wanted.width();
        byte[] out = new byte[3 * width * wanted.height()];
        int[][] lines = new int[planes.length][width];
        int[][] colours = new int[3][width];
        for (int y = 0; y < wanted.height(); y++) {
            for (int i = 0; i < planes.length; i++) {
                planes[i].line(wanted.top() + y, wanted.left(), wanted.right(), lines[i]);
            }
            int to = 3 * y * width;
            if (planes.length == 1) {
                put(lines[0], lines[0], lines[0], out, to);
            } else if (rgb) {
                put(lines[0], lines[1], lines[2], out, to);
            } else {
                convert(lines, 0, RED_OF_CR, colours[0]);
                convert(lines, GREEN_OF_CB, GREEN_OF_CR, colours[1]);
                convert(lines, BLUE_OF_CB, 0, colours[2]);
                put(colours[0], colours[1], colours[2], out, to);
            }
        }
        return new RgbImage(width, wanted.height(), out);
    }

    private static void put(int[] red, int[] green, int[] blue, byte[] out, int to) {
        for (int x = 0; x < red.length; x++) {
            out[to + 3 * x] = (byte) red[x];
            out[to + 3 * x + 1] = (byte) green[x];
            out[to + 3 * x + 2] = (byte) blue[x];
        }
    }

    /** One channel of ITU-R 601, in the fixed point of jdcolor.c. No branches, for the sake of vector instructions. */
    private static void convert(int[][] lines, int blueFactor, int redFactor, int[] channel) {
        int[] luma = lines[0];
        int[] blue = lines[1];
        int[] red = lines[2];
        int rounding = HALF - 128 * (blueFactor + redFactor);
        for (int x = 0; x < channel.length; x++) {
            channel[x] = luma[x] + ((blue[x] * blueFactor + red[x] * redFactor + rounding) >> BITS);
        }
        for (int x = 0; x < channel.length; x++) {
            int value = channel[x] & ~(channel[x] >> 31);
            channel[x] = (value | ((255 - value) >> 31)) & 255;
        }
    }

    private static int divideUp(int a, int b) {
        return (a + b - 1) / b;
    }
}
