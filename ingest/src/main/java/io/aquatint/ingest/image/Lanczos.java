package io.aquatint.ingest.image;

/**
 * Lanczos resampling with a window of 3, widened when shrinking, as Pillow's {@code Image.resize(size, LANCZOS)}: coefficients
 * in fixed point of 22 bits, rows first, then columns, rounded to 8 bits in between.
 */
final class Lanczos {
    private static final int BITS = 22;
    private static final double WINDOW = 3;

    /** For each output pixel: where its inputs begin, and their coefficients. */
    private record Filter(int[] starts, int[][] coefficients) {}

    private Lanczos() {}

    static RgbImage resize(RgbImage image, int width, int height) {
        Filter columns = filter(image.width(), width);
        Filter rows = filter(image.height(), height);
        byte[] between = new byte[3 * width * image.height()];
        for (int y = 0; y < image.height(); y++) {
            int row = 3 * y * image.width();
            for (int x = 0; x < width; x++) {
                accumulate(
                        image.rgb(),
                        row + 3 * columns.starts[x],
                        3,
                        columns.coefficients[x],
                        between,
                        3 * (y * width + x));
            }
        }
        byte[] out = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                accumulate(
                        between,
                        3 * (rows.starts[y] * width + x),
                        3 * width,
                        rows.coefficients[y],
                        out,
                        3 * (y * width + x));
            }
        }
        return new RgbImage(width, height, out);
    }

    private static void accumulate(byte[] in, int from, int stride, int[] coefficients, byte[] out, int to) {
        int red = 1 << (BITS - 1);
        int green = red;
        int blue = red;
        int index = from;
        for (int coefficient : coefficients) {
            red += (in[index] & 0xff) * coefficient;
            green += (in[index + 1] & 0xff) * coefficient;
            blue += (in[index + 2] & 0xff) * coefficient;
            index += stride;
        }
        out[to] = clip(red);
        out[to + 1] = clip(green);
        out[to + 2] = clip(blue);
    }

    private static byte clip(int value) {
        return (byte) Math.max(0, Math.min(255, value >> BITS));
    }

    private static Filter filter(int in, int out) {
        double scale = (double) in / out;
        double filterScale = Math.max(scale, 1);
        double support = WINDOW * filterScale;
        int[] starts = new int[out];
        int[][] coefficients = new int[out][];
        for (int i = 0; i < out; i++) {
            double centre = (i + 0.5) * scale;
            int start = Math.max(0, (int) (centre - support + 0.5));
            int end = Math.min(in, (int) (centre + support + 0.5));
            double[] weights = new double[end - start];
            double sum = 0;
            for (int k = 0; k < weights.length; k++) {
                weights[k] = lanczos((k + start - centre + 0.5) / filterScale);
                sum += weights[k];
            }
            starts[i] = start;
            coefficients[i] = new int[weights.length];
            for (int k = 0; k < weights.length; k++) {
                double fixed = weights[k] / sum * (1 << BITS);
                coefficients[i][k] = (int) (fixed < 0 ? fixed - 0.5 : fixed + 0.5);
            }
        }
        return new Filter(starts, coefficients);
    }

    private static double lanczos(double x) {
        return Math.abs(x) < WINDOW ? sinc(x) * sinc(x / WINDOW) : 0;
    }

    private static double sinc(double x) {
        return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    }
}
