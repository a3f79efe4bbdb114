package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.PackedColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Iterator;
import java.util.function.IntPredicate;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * Decodes pictures to 8-bit RGB as Pillow's {@code convert("RGB")} does: colour profiles are ignored, alpha is dropped, 16-bit
 * samples keep their high byte, CMYK is multiplied out.
 */
final class ImageDecoder {
    static {
        ImageIO.setUseCache(false);
    }

    private ImageDecoder() {}

    /** @throws RejectedImageException if the picture is too large, too small or damaged */
    static RgbImage decode(byte[] file, SourceFormat format, Limits limits) {
        ImageReader reader = reader(format);
        try (ImageInputStream input = ImageIO.createImageInputStream(new ByteArrayInputStream(file))) {
            reader.setInput(input, true, true);
            checkSize(reader.getWidth(0), reader.getHeight(0), limits);
            format.checkComplete(file);
            return format == SourceFormat.JPEG && components(file) == 4
                    ? fromCmyk(reader.readRaster(0, null), adobeTransform(file))
                    : fromImage(reader.read(0));
        } catch (EOFException e) {
            throw new RejectedImageException(RejectionReason.TRUNCATED, format + " ends too early", e);
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException | NegativeArraySizeException e) {
            format.checkComplete(file);
            throw new RejectedImageException(
                    RejectionReason.CORRUPT, "the %s cannot be decoded: %s".formatted(format, e.getMessage()), e);
        } finally {
            reader.dispose();
        }
    }

    private static void checkSize(int width, int height, Limits limits) {
        if (width < 1 || height < 1) {
            throw new RejectedImageException(RejectionReason.CORRUPT, "it says it is %d x %d pixels".formatted(width, height));
        }
        if ((long) width * height > limits.pixels()) {
            throw new RejectedImageException(
                    RejectionReason.TOO_MANY_PIXELS,
                    "it says it is %d x %d pixels; %d are allowed".formatted(width, height, limits.pixels()));
        }
        if (Math.min(width, height) < limits.smallestSide()) {
            throw new RejectedImageException(
                    RejectionReason.TOO_SMALL,
                    "%d x %d pixels; each side must have %d".formatted(width, height, limits.smallestSide()));
        }
    }

    /** The JDK's own reader where it has one: plugins convert colours in ways of their own. */
    private static ImageReader reader(SourceFormat format) {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format.name());
        ImageReader last = null;
        while (readers.hasNext()) {
            last = readers.next();
            if (last.getClass().getName().startsWith("com.sun.")) {
                return last;
            }
        }
        if (last == null) {
            throw new IllegalStateException("no ImageIO reader for " + format);
        }
        return last;
    }

    private static RgbImage fromImage(BufferedImage image) {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] rgb = new byte[3 * width * height];
        if (image.getColorModel() instanceof IndexColorModel || image.getColorModel() instanceof PackedColorModel) {
            int[] row = new int[width];
            for (int y = 0; y < height; y++) {
                image.getRGB(0, y, width, 1, row, 0, width);
                for (int x = 0; x < width; x++) {
                    int to = 3 * (y * width + x);
                    rgb[to] = (byte) (row[x] >> 16);
                    rgb[to + 1] = (byte) (row[x] >> 8);
                    rgb[to + 2] = (byte) row[x];
                }
            }
            return new RgbImage(width, height, rgb);
        }
        // The samples themselves: getRGB would apply colour profiles, and gamma to greys.
        Raster raster = image.getRaster();
        int bands = raster.getNumBands();
        int shift = Math.max(0, raster.getSampleModel().getSampleSize(0) - 8);
        int[] row = new int[width * bands];
        for (int y = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int x = 0; x < width; x++) {
                int to = 3 * (y * width + x);
                for (int channel = 0; channel < 3; channel++) {
                    rgb[to + channel] = (byte) (row[x * bands + (bands < 3 ? 0 : channel)] >> shift);
                }
            }
        }
        return new RgbImage(width, height, rgb);
    }

    /** Adobe's files hold inverted CMYK, or YCCK, whose first three components are the YCbCr of inverted CMY. */
    private static RgbImage fromCmyk(Raster raster, int transform) {
        int width = raster.getWidth();
        int height = raster.getHeight();
        byte[] rgb = new byte[3 * width * height];
        int[] row = new int[4 * width];
        for (int y = 0; y < height; y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int x = 0; x < width; x++) {
                int first = row[4 * x];
                int second = row[4 * x + 1];
                int third = row[4 * x + 2];
                int black = row[4 * x + 3];
                int to = 3 * (y * width + x);
                if (transform == 2) {
                    double luma = first;
                    double blue = second - 128;
                    double red = third - 128;
                    first = clamp(luma + 1.402 * red);
                    second = clamp(luma - 0.344136 * blue - 0.714136 * red);
                    third = clamp(luma + 1.772 * blue);
                    first = 255 - first;
                    second = 255 - second;
                    third = 255 - third;
                }
                boolean inverted = transform >= 0;
                rgb[to] = multiply(first, black, inverted);
                rgb[to + 1] = multiply(second, black, inverted);
                rgb[to + 2] = multiply(third, black, inverted);
            }
        }
        return new RgbImage(width, height, rgb);
    }

    private static byte multiply(int ink, int black, boolean inverted) {
        int light = inverted ? ink : 255 - ink;
        int white = inverted ? black : 255 - black;
        return (byte) Math.round(light * white / 255.0);
    }

    private static int clamp(double value) {
        return (int) Math.max(0, Math.min(255, Math.round(value)));
    }

    /** The number of components in a JPEG's frame header, 0 if there is none. */
    private static int components(byte[] file) {
        int frame = segment(file, marker -> marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc);
        return frame < 0 || frame + 9 >= file.length ? 0 : file[frame + 9] & 0xff;
    }

    /** The transform of Adobe's marker, or -1 where there is none. */
    private static int adobeTransform(byte[] file) {
        int adobe = segment(file, marker -> marker == 0xee);
        return adobe < 0 || adobe + 15 >= file.length ? -1 : file[adobe + 15] & 0xff;
    }

    private static int segment(byte[] file, IntPredicate wanted) {
        int position = 2;
        while (position + 4 <= file.length && (file[position] & 0xff) == 0xff) {
            int marker = file[position + 1] & 0xff;
            if (wanted.test(marker)) {
                return position;
            }
            if (marker == 0xda || marker == 0xd9) {
                return -1;
            }
            position += marker == 0xff ? 1 : 2 + ((file[position + 2] & 0xff) << 8 | file[position + 3] & 0xff);
        }
        return -1;
    }
}
