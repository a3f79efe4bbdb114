package io.aquatint.ingest.image;

import java.util.Arrays;

/**
 * A row of a JPEG's blocks of 8 x 8 coefficients, and the inverse cosine transform to 8, 4 or 2 samples a side. To 8 it is, bit
 * for bit, libjpeg's accurate integer transform (jidctint.c), whose products are here written out as matrices. To fewer samples
 * it is the transform of that many points of the lowest frequencies, which keeps what the smaller picture can show and drops the
 * rest.
 *
 * <p>All blocks of the row are transformed together: an array holds the same coefficient of all of them, and a loop runs along a few
 * such arrays, does some whole-number operations and has no branch, which is what the JVM makes vector instructions of.
 */
final class BlockRow {
    /** How many coefficients a block has. */
    static final int COEFFICIENTS = 64;

    /** As far as the end of a block may lead in the order of the file: it counts as 64 zeros. */
    static final int LAST_INDEX = 2 * COEFFICIENTS - 1;

    private static final int BITS = 13;
    private static final int BETWEEN_BITS = 2;
    private static final int COLUMN_SHIFT = BITS - BETWEEN_BITS;
    private static final int ROW_SHIFT = BITS + BETWEEN_BITS + 3;

    /** For 2, 4 and 8 points: what the even frequencies give to the first half of the samples, in fixed point. */
    private static final int[][][] EVEN = {
        {{8192, 0, 0, 0}},
        {{8192, 8192, 0, 0}, {8192, -8192, 0, 0}},
        {
            {8192, 10703, 8192, 4433},
            {8192, 4433, -8192, -10704},
            {8192, -4433, -8192, 10704},
            {8192, -10703, 8192, -4433}
        }
    };

    /** What the odd frequencies give to the first half; to the second half, mirrored, they give the opposite. */
    private static final int[][][] ODD = {
        {{8192, 0, 0, 0}},
        {{10703, 4433, 0, 0}, {4433, -10703, 0, 0}},
        {
            {11363, 9633, 6437, 2260},
            {9633, -2259, -11362, -6436},
            {6437, -11362, 2261, 9633},
            {2260, -6436, 9633, -11363}
        }
    };

    private final int width;
    private final int height;
    private final int blocks;
    private final int[] places;

    /** For each coefficient: that of every block, then of one that is dropped; and after the last what a block has no use for. */
    private final int[][] coefficients;

    private final int[][] even;
    private final int[][] odd;

    /**
     * @param blocks how many are kept
     * @param width of a block in samples: 8, 4 or 2
     * @param height of a block in samples: 8, 4 or 2
     */
    BlockRow(int blocks, int width, int height) {
        this.blocks = blocks;
        this.width = width;
        this.height = height;
        this.places = places(width, height);
        this.coefficients = new int[COEFFICIENTS + 1][blocks + 1];
        this.even = new int[4][blocks];
        this.odd = new int[4][blocks];
    }

    private static int[] places(int width, int height) {
        int[] places = new int[LAST_INDEX + 1];
        Arrays.fill(places, COEFFICIENTS);
        int index = 0;
        for (int diagonal = 0; diagonal < 15; diagonal++) {
            for (int i = 0; i <= diagonal; i++) {
                int y = diagonal % 2 == 0 ? diagonal - i : i;
                int x = diagonal - y;
                if (x < 8 && y < 8) {
                    places[index++] = x < width && y < height ? 8 * y + x : COEFFICIENTS;
                }
            }
        }
        return places;
    }

    /** Which of the {@link #coefficients()} each is, in the order of the file. */
    int[] places() {
        return places;
    }

    /** In rows of 8, each of all blocks and of one more, which is dropped. All are zero before a row is read. */
    int[][] coefficients() {
        return coefficients;
    }

    /** Transforms all blocks to samples and forgets the coefficients. */
    void transform(byte[] out, int offset, int stride) {
        for (int x = 0; x < width; x++) {
            pass(x, 8, height, COLUMN_SHIFT);
        }
        for (int y = 0; y < height; y++) {
            pass(8 * y, 1, width, ROW_SHIFT);
            for (int x = 0; x < width; x++) {
                int[] samples = coefficients[8 * y + x];
                limit(samples, blocks);
                int to = offset + y * stride + x;
                for (int block = 0; block < blocks; block++) {
                    out[to + block * width] = (byte) samples[block];
                }
            }
        }
        for (int[] some : coefficients) {
            Arrays.fill(some, 0);
        }
    }

    /** One dimension: from {@code points} frequencies to as many samples. */
    private void pass(int first, int step, int points, int shift) {
        int half = points / 2;
        int kind = Integer.numberOfTrailingZeros(half);
        for (int i = 0; i < half; i++) {
            weigh(first, 2 * step, EVEN[kind][i], even[i]);
            weigh(first + step, 2 * step, ODD[kind][i], odd[i]);
        }
        for (int i = 0; i < half; i++) {
            join(even[i], odd[i], coefficients[first + i * step], coefficients[first + (points - 1 - i) * step], shift);
        }
    }

    private void weigh(int first, int step, int[] weights, int[] out) {
        weigh(
                coefficients[first],
                coefficients[first + step],
                coefficients[first + 2 * step],
                coefficients[first + 3 * step],
                weights,
                out);
    }

    private static void weigh(int[] a, int[] b, int[] c, int[] d, int[] weights, int[] out) {
        int first = weights[0];
        int second = weights[1];
        int third = weights[2];
        int fourth = weights[3];
        for (int i = 0; i < out.length; i++) {
            out[i] = a[i] * first + b[i] * second + c[i] * third + d[i] * fourth;
        }
    }

    private static void join(int[] even, int[] odd, int[] sum, int[] difference, int shift) {
        int half = 1 << (shift - 1);
        for (int i = 0; i < even.length; i++) {
            int base = even[i] + half;
            sum[i] = (base + odd[i]) >> shift;
            difference[i] = (base - odd[i]) >> shift;
        }
    }

    /** To 0 to 255, around 128. */
    private static void limit(int[] line, int length) {
        for (int i = 0; i < length; i++) {
            int sample = line[i] + 128;
            sample &= ~(sample >> 31);
            line[i] = (sample | ((255 - sample) >> 31)) & 255;
        }
    }
}
