package io.aquatint.ingest.image;

/**
 * The samples of one colour of a JPEG, of which only those blocks are kept that a rectangle of the picture needs.
 *
 * <p>Where the colour has half the picture's resolution, its samples are interpolated as libjpeg does by default ("fancy
 * upsampling", jdsample.c): three quarters of the nearer and one quarter of the farther, in each direction.
 */
final class JpegPlane {
    private final int blockWidth;
    private final int blockHeight;
    private final boolean halfWidth;
    private final boolean halfHeight;

    /** How many samples the whole colour has. */
    private final int width;

    private final int height;

    private final int firstBlockX;
    private final int firstBlockY;
    private final int endBlockX;
    private final int endBlockY;
    private final int stride;
    private final byte[] samples;

    private final BaselineJpeg.Component component;

    /** The rows of blocks of one row of units. */
    private final BlockRow[] rows;

    /** The quantised DC coefficient of the block before, from which the next differs. */
    private int before;

    /** A line, of the nearer and the farther samples together, and what lies to the left and to the right in each. */
    private final int[] sums;

    private final int[] lefts;
    private final int[] rights;

    /**
     * @param wanted in pixels of the picture at its scale
     * @param horizontal how many pixels of the unscaled picture a sample is wide
     * @param vertical how many it is high
     */
    JpegPlane(
            BaselineJpeg jpeg,
            BaselineJpeg.Component component,
            int scale,
            PixelBox wanted,
            int horizontal,
            int vertical) {
        this.component = component;
        blockWidth = Math.min(8, 8 / scale * horizontal);
        blockHeight = Math.min(8, 8 / scale * vertical);
        halfWidth = 8 / scale * horizontal > 8;
        halfHeight = 8 / scale * vertical > 8;
        width = (jpeg.width() + horizontal - 1) / horizontal;
        height = (jpeg.height() + vertical - 1) / vertical;
        firstBlockX = (halfWidth ? Math.max(0, wanted.left() / 2 - 1) : wanted.left()) / blockWidth;
        firstBlockY = (halfHeight ? Math.max(0, wanted.top() / 2 - 1) : wanted.top()) / blockHeight;
        int endX = halfWidth ? Math.min(width, wanted.right() / 2 + 2) : wanted.right();
        int endY = halfHeight ? Math.min(height, wanted.bottom() / 2 + 2) : wanted.bottom();
        endBlockX = (endX + blockWidth - 1) / blockWidth;
        endBlockY = (endY + blockHeight - 1) / blockHeight;
        stride = (endBlockX - firstBlockX) * blockWidth;
        samples = new byte[stride * (endBlockY - firstBlockY) * blockHeight];
        sums = new int[stride];
        lefts = new int[stride];
        rights = new int[stride];
        rows = new BlockRow[component.vertical()];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = new BlockRow(endBlockX - firstBlockX, blockWidth, blockHeight);
        }
    }

    /** The next block does not differ from the one before. */
    void restart() {
        before = 0;
    }

    /** Reads the blocks of one unit; false where the data is damaged. */
    boolean readUnit(EntropyReader reader, int unitX, int unitY) {
        for (int y = 0; y < component.vertical(); y++) {
            BlockRow row = rows[y];
            boolean rowNeeded = isRowNeeded(unitY * component.vertical() + y);
            for (int x = 0; x < component.horizontal(); x++) {
                int blockX = unitX * component.horizontal() + x;
                boolean needed = rowNeeded && blockX >= firstBlockX && blockX < endBlockX;
                int block = (needed ? blockX : endBlockX) - firstBlockX;
                if (!reader.read(row, block, component.dc(), component.ac(), component.quantisation())) {
                    return false;
                }
                int[] first = row.coefficients()[0];
                before += first[block];
                first[block] = before * component.quantisation()[0];
            }
        }
        return true;
    }

    /** Makes samples of the blocks of a row of units. */
    void endRow(int unitY) {
        for (int y = 0; y < component.vertical(); y++) {
            int blockY = unitY * component.vertical() + y;
            if (isRowNeeded(blockY)) {
                rows[y].transform(samples, (blockY - firstBlockY) * blockHeight * stride, stride);
            }
        }
    }

    private boolean isRowNeeded(int blockY) {
        return blockY >= firstBlockY && blockY < endBlockY;
    }

    /** Writes the samples of the picture's pixels from {@code left} to {@code right} in line {@code y}. */
    void line(int y, int left, int right, int[] out) {
        int firstX = firstBlockX * blockWidth;
        if (!halfWidth) {
            int from = row(y) + left - firstX;
            for (int i = 0; i < right - left; i++) {
                out[i] = samples[from + i] & 0xff;
            }
            return;
        }
        int shift = halfHeight ? 4 : 2;
        int near = row(halfHeight ? y >> 1 : y);
        if (halfHeight) {
            int far = row(Math.max(0, Math.min(height - 1, (y >> 1) + (y & 1) * 2 - 1)));
            for (int i = 0; i < stride; i++) {
                sums[i] = 3 * (samples[near + i] & 0xff) + (samples[far + i] & 0xff);
            }
        } else {
            for (int i = 0; i < stride; i++) {
                sums[i] = samples[near + i] & 0xff;
            }
        }
        int last = Math.min(stride, width - firstX) - 1;
        interpolate(shift, halfHeight ? 8 : 1, halfHeight ? 7 : 2, last);
        int odd = left % 2;
        int first = (left + odd) / 2 - firstX;
        int pairs = (right - left - odd) / 2;
        if (odd == 1) {
            out[0] = rights[first - 1];
        }
        for (int i = 0; i < pairs; i++) {
            out[odd + 2 * i] = lefts[first + i];
            out[odd + 2 * i + 1] = rights[first + i];
        }
        if (odd + 2 * pairs < right - left) {
            out[odd + 2 * pairs] = lefts[first + pairs];
        }
    }

    /** Each of the {@link #sums} with a third of its neighbour; beyond the ends are the ends again. */
    private void interpolate(int shift, int leftRounding, int rightRounding, int last) {
        lefts[0] = (4 * sums[0] + leftRounding) >> shift;
        for (int i = 1; i <= last; i++) {
            lefts[i] = (3 * sums[i] + sums[i - 1] + leftRounding) >> shift;
        }
        for (int i = 0; i < last; i++) {
            rights[i] = (3 * sums[i] + sums[i + 1] + rightRounding) >> shift;
        }
        rights[last] = (4 * sums[last] + rightRounding) >> shift;
    }

    private int row(int y) {
        return (y - firstBlockY * blockHeight) * stride;
    }
}
