package io.aquatint.ingest.image;

/**
 * Pixels in 8-bit RGB, row by row, three bytes each.
 */
record RgbImage(int width, int height, byte[] rgb) {

    RgbImage crop(PixelBox box) {
        int row = 3 * box.width();
        byte[] out = new byte[row * box.height()];
        for (int y = 0; y < box.height(); y++) {
            System.arraycopy(rgb, 3 * ((box.top() + y) * width + box.left()), out, y * row, row);
        }
        return new RgbImage(box.width(), box.height(), out);
    }

    /** On a canvas of one colour, at a position. */
    RgbImage on(int canvasWidth, int canvasHeight, int left, int top, int colour) {
        if (left == 0 && top == 0 && canvasWidth == width && canvasHeight == height) {
            return this;
        }
        byte[] out = new byte[3 * canvasWidth * canvasHeight];
        for (int i = 0; i < out.length; i += 3) {
            out[i] = (byte) (colour >> 16);
            out[i + 1] = (byte) (colour >> 8);
            out[i + 2] = (byte) colour;
        }
        for (int y = 0; y < height; y++) {
            System.arraycopy(rgb, 3 * y * width, out, 3 * ((top + y) * canvasWidth + left), 3 * width);
        }
        return new RgbImage(canvasWidth, canvasHeight, out);
    }

    /** ITU-R 601 luma of each pixel, 0 to 255. */
    double[] luma() {
        double[] luma = new double[width * height];
        for (int i = 0; i < luma.length; i++) {
            luma[i] = 0.299 * (rgb[3 * i] & 0xff) + 0.587 * (rgb[3 * i + 1] & 0xff) + 0.114 * (rgb[3 * i + 2] & 0xff);
        }
        return luma;
    }
}
