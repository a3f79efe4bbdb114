package io.aquatint.ingest.image;

/**
 * Pixels in 8-bit RGB, row by row, three bytes each.
 */
record RgbImage(int width, int height, byte[] rgb) {

    /** The square of a side at a position. */
    RgbImage crop(int left, int top, int side) {
        byte[] out = new byte[3 * side * side];
        for (int y = 0; y < side; y++) {
            System.arraycopy(rgb, 3 * ((top + y) * width + left), out, 3 * y * side, 3 * side);
        }
        return new RgbImage(side, side, out);
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

    /** Turned and mirrored upright, by the EXIF orientation 1 to 8. */
    RgbImage upright(int orientation) {
        if (orientation <= 1 || orientation > 8) {
            return this;
        }
        boolean swapped = orientation >= 5;
        int newWidth = swapped ? height : width;
        int newHeight = swapped ? width : height;
        byte[] out = new byte[rgb.length];
        for (int y = 0; y < newHeight; y++) {
            for (int x = 0; x < newWidth; x++) {
                int fromX =
                        switch (orientation) {
                            case 2, 3 -> width - 1 - x;
                            case 4 -> x;
                            case 5, 6 -> y;
                            default -> width - 1 - y;
                        };
                int fromY =
                        switch (orientation) {
                            case 2 -> y;
                            case 3, 4 -> height - 1 - y;
                            case 5, 8 -> x;
                            default -> height - 1 - x;
                        };
                System.arraycopy(rgb, 3 * (fromY * width + fromX), out, 3 * (y * newWidth + x), 3);
            }
        }
        return new RgbImage(newWidth, newHeight, out);
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
