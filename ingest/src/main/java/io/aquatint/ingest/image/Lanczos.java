package io.aquatint.ingest.image;

import io.aquatint.events.PixelSize;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Lanczos resampling with a window of 3, widened when shrinking, as Pillow's {@code Image.resize(size, LANCZOS)}: coefficients
 * in fixed point of 22 bits, rows first, then columns, rounded to 8 bits in between.
 *
 * <p>Many rows are resized across together, from arrays that each hold one sample of all of them: loops along such arrays, without
 * branches, are what the JVM makes vector instructions of.
 */
final class Lanczos {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int BITS = 22;
    private static final int HALF = 1 << (BITS - 1);
    private static final double WINDOW = 3;

    /** So many rows are resized across together. */
    private static final int STRIP = 128;

    /** So many inputs are weighed in one loop; filters are filled up to a multiple of it. */
    private static final int TAPS = 4;

    /** For each output pixel: where its inputs begin, how many they are, and their coefficients, followed by zeros. */
    private record Filter(int[] starts, int[] lengths, int[][] coefficients) {
        int end(int i) {
            return starts[i] + lengths[i];
        }
    }

    private Lanczos() {}

    /** The whole of a picture. */
    static RgbImage resize(RgbImage image, int width, int height) {
        return resize(image, 0, 0, image.width(), image.height(), new PixelSize(width, height));
    }

    /**
     * A part of a picture, which may begin and end within pixels.
     *
     * @param left where it begins, in pixels
     * @param top where it begins, in pixels
     * @param width in pixels
     * @param height in pixels
     * @param size of the result
     */
    static RgbImage resize(RgbImage image, double left, double top, double width, double height, PixelSize size) {
        Filter columns = filter(image.width(), left, width, size.width());
        Filter rows = filter(image.height(), top, height, size.height());
        int samples = 3 * size.width();
        // Rows that are resized across, as far as the next output row may need them.
        int[][] ring = new int[Arrays.stream(rows.lengths).max().orElseThrow() + STRIP][samples];
        int[][] strip = new int[3 * image.width()][STRIP];
        int[] sums = new int[samples];
        byte[] out = new byte[samples * size.height()];
        int next = 0;
        for (int y = 0; y < size.height(); y++) {
            while (next < rows.end(y)) {
                int count = Math.min(STRIP, image.height() - next);
                turn(image, next, count, strip);
                across(strip, columns, ring, next, count);
                next += count;
            }
            down(ring, rows, y, sums);
            for (int i = 0; i < samples; i++) {
                out[samples * y + i] = (byte) sums[i];
            }
        }
        return new RgbImage(size.width(), size.height(), out);
    }

    /** Some rows of the picture, turned so that each sample has an array of all rows; eight samples are read together. */
    private static void turn(RgbImage image, int y, int count, int[][] strip) {
        byte[] rgb = image.rgb();
        int length = strip.length;
        int i = 0;
        for (; i + Long.BYTES <= length; i += Long.BYTES) {
            int[] a = strip[i];
            int[] b = strip[i + 1];
            int[] c = strip[i + 2];
            int[] d = strip[i + 3];
            int[] e = strip[i + 4];
            int[] f = strip[i + 5];
            int[] g = strip[i + 6];
            int[] h = strip[i + 7];
            int from = y * length + i;
            for (int row = 0; row < count; row++) {
                long samples = (long) LONG.get(rgb, from + row * length);
                a[row] = (int) samples & 0xff;
                b[row] = (int) (samples >>> 8) & 0xff;
                c[row] = (int) (samples >>> 16) & 0xff;
                d[row] = (int) (samples >>> 24) & 0xff;
                e[row] = (int) (samples >>> 32) & 0xff;
                f[row] = (int) (samples >>> 40) & 0xff;
                g[row] = (int) (samples >>> 48) & 0xff;
                h[row] = (int) (samples >>> 56);
            }
        }
        for (; i < length; i++) {
            int from = y * length + i;
            for (int row = 0; row < count; row++) {
                strip[i][row] = rgb[from + row * length] & 0xff;
            }
        }
    }

    private static void across(int[][] strip, Filter columns, int[][] ring, int y, int count) {
        int[][] rows = new int[count][];
        for (int row = 0; row < count; row++) {
            rows[row] = ring[(y + row) % ring.length];
        }
        int[] sums = new int[STRIP];
        for (int x = 0; x < columns.starts.length; x++) {
            for (int channel = 0; channel < 3; channel++) {
                Arrays.fill(sums, HALF);
                weigh(strip, 3 * columns.starts[x] + channel, 3, strip.length, columns.coefficients[x], sums);
                int to = 3 * x + channel;
                for (int row = 0; row < count; row++) {
                    rows[row][to] = sums[row];
                }
            }
        }
    }

    private static void down(int[][] ring, Filter rows, int y, int[] sums) {
        Arrays.fill(sums, HALF);
        weigh(ring, rows.starts[y] % ring.length, 1, ring.length, rows.coefficients[y], sums);
    }

    /** Weighs lines, {@code step} apart in a ring of {@code length}, and rounds the sums to 8 bits. */
    private static void weigh(int[][] lines, int first, int step, int length, int[] coefficients, int[] sums) {
        for (int k = 0; k < coefficients.length; k += TAPS) {
            int at = first + k * step;
            add(
                    lines[at % length],
                    lines[(at + step) % length],
                    lines[(at + 2 * step) % length],
                    lines[(at + 3 * step) % length],
                    coefficients[k],
                    coefficients[k + 1],
                    coefficients[k + 2],
                    coefficients[k + 3],
                    sums);
        }
        for (int i = 0; i < sums.length; i++) {
            int value = sums[i] >> BITS;
            value &= ~(value >> 31);
            sums[i] = (value | ((255 - value) >> 31)) & 255;
        }
    }

    private static void add(
            int[] a, int[] b, int[] c, int[] d, int weightA, int weightB, int weightC, int weightD, int[] sums) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += a[i] * weightA + b[i] * weightB + c[i] * weightC + d[i] * weightD;
        }
    }

    private static Filter filter(int in, double offset, double span, int out) {
        double scale = span / out;
        double filterScale = Math.max(scale, 1);
        double support = WINDOW * filterScale;
        int[] starts = new int[out];
        int[] lengths = new int[out];
        int[][] coefficients = new int[out][];
        for (int i = 0; i < out; i++) {
            double centre = offset + (i + 0.5) * scale;
            int start = Math.max(0, (int) (centre - support + 0.5));
            int end = Math.min(in, (int) (centre + support + 0.5));
            double[] weights = new double[end - start];
            double sum = 0;
            for (int k = 0; k < weights.length; k++) {
                weights[k] = lanczos((k + start - centre + 0.5) / filterScale);
                sum += weights[k];
            }
            starts[i] = start;
            lengths[i] = weights.length;
            coefficients[i] = new int[(weights.length + TAPS - 1) / TAPS * TAPS];
            for (int k = 0; k < weights.length; k++) {
                double fixed = weights[k] / sum * (1 << BITS);
                coefficients[i][k] = (int) (fixed < 0 ? fixed - 0.5 : fixed + 0.5);
            }
        }
        return new Filter(starts, lengths, coefficients);
    }

    private static double lanczos(double x) {
        return Math.abs(x) < WINDOW ? sinc(x) * sinc(x / WINDOW) : 0;
    }

    private static double sinc(double x) {
        return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    }
}
