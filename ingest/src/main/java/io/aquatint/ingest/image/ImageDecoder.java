package io.aquatint.ingest.image;

import io.aquatint.events.PixelSize;
import io.aquatint.events.RejectionReason;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.PackedColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
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

    /**
     * With twice the pixels of the result on each side, photographs differ by 0.2 to 0.6 of 255 from those that were decoded whole;
     * {@code docs/performance.md} has the numbers.
     */
    private static final int OVERSAMPLING = 2;

    /** An eighth would save little more: all of the data is read in any case. */
    private static final int LARGEST_SCALE = 4;

    private ImageDecoder() {}

    /** @throws RejectedImageException if the picture is too large, too small or damaged */
    static CentreCut decode(
            byte[] file, SourceFormat format, Orientation orientation, TargetSize target, Limits limits) {
        try {
            return switch (format) {
                case JPEG -> jpeg(file, orientation, target, limits);
                case PNG -> CentreCut.of(png(file, limits), orientation, target);
                case GIF -> CentreCut.of(gif(file, limits), orientation, target);
                case WEBP -> CentreCut.of(webp(file, limits), orientation, target);
                case BMP -> CentreCut.of(fromImage(read(file, format, limits)), orientation, target);
            };
        } catch (EOFException e) {
            throw new RejectedImageException(RejectionReason.TRUNCATED, format + " ends too early", e);
        } catch (RejectedImageException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // Whatever a decoder trips over in a stranger's file is the file's fault, not ours.
            format.checkComplete(file);
            throw new RejectedImageException(
                    RejectionReason.CORRUPT, "the %s cannot be decoded: %s".formatted(format, e.getMessage()), e);
        }
    }

    private static CentreCut jpeg(byte[] file, Orientation orientation, TargetSize target, Limits limits)
            throws IOException {
        PixelSize pixels = JpegFile.size(file);
        checkSize(pixels.width(), pixels.height(), limits);
        JpegFile jpeg = JpegFile.read(file);
        Optional<CentreCut> cut = Optional.empty();
        Optional<BaselineJpeg> baseline = BaselineJpeg.of(jpeg);
        if (baseline.isPresent()) {
            int scale = scale(orientation.upright(pixels), target);
            if (scale > 1) {
                cut = cut(jpeg, baseline.get(), pixels, orientation, target, scale);
            }
            if (cut.isEmpty()) {
                cut = cut(jpeg, baseline.get(), pixels, orientation, target, 1);
            }
        }
        return cut.isPresent() ? cut.get() : CentreCut.of(whole(jpeg, limits), orientation, target);
    }

    /** Empty for damaged data, and for a picture that should not be decoded small. */
    private static Optional<CentreCut> cut(
            JpegFile jpeg,
            BaselineJpeg baseline,
            PixelSize size,
            Orientation orientation,
            TargetSize target,
            int scale) {
        return CentreCut.of(size.width(), size.height(), orientation, target, scale, box -> JpegDecoder.decode(
                        jpeg.bytes(), baseline, jpeg.isRgb(), scale, box)
                .filter(decoded -> scale == 1 || !isDrawing(decoded)));
    }

    /**
     * Whether a tenth of the samples is black or white to the last bit, as in drawings and scanned text. Decoded whole, what their
     * edges overshoot is cut off; decoded small, it would take part in the mean and shift it by up to 5 of 255.
     */
    private static boolean isDrawing(RgbImage image) {
        int extreme = 0;
        for (byte sample : image.rgb()) {
            extreme += sample == 0 || sample == -1 ? 1 : 0;
        }
        return extreme > image.rgb().length / 10;
    }

    /** So many pixels of each side may be decoded to one that enough are left to resize. */
    private static int scale(PixelSize upright, TargetSize target) {
        PixelSize size = target.of(upright);
        PixelSize cut = TargetSize.cut(upright, size);
        int scale = LARGEST_SCALE;
        while (scale > 1
                && (cut.width() < (long) OVERSAMPLING * scale * size.width()
                        || cut.height() < (long) OVERSAMPLING * scale * size.height())) {
            scale /= 2;
        }
        return scale;
    }

    /** By the JDK's reader, which knows every kind, and what to make of damage. */
    private static RgbImage whole(JpegFile jpeg, Limits limits) throws IOException {
        byte[] pixels = jpeg.pixelsOnly();
        if (jpeg.components() < 4) {
            return fromImage(read(pixels, SourceFormat.JPEG, limits));
        }
        return withReader(
                pixels, SourceFormat.JPEG, limits, reader -> fromCmyk(reader.readRaster(0, null), jpeg.isYcck()));
    }

    private static RgbImage png(byte[] file, Limits limits) throws IOException {
        if (file.length < 24) {
            throw new RejectedImageException(RejectionReason.TRUNCATED, "the PNG ends within its header");
        }
        ByteBuffer bytes = ByteBuffer.wrap(file);
        checkSize(bytes.getInt(16), bytes.getInt(20), limits);
        return fromImage(read(PngFile.pixelsOnly(file), SourceFormat.PNG, limits));
    }

    /** Around a first frame that is smaller than the canvas is the transparent colour, or else the palette's first. */
    private static RgbImage gif(byte[] file, Limits limits) throws IOException {
        GifFile gif = GifFile.read(file);
        checkSize(gif.canvasWidth(), gif.canvasHeight(), limits);
        BufferedImage frame = read(file, SourceFormat.GIF, limits.withSmallestSide(1));
        int index = Math.max(0, gif.transparent());
        int around = frame.getColorModel() instanceof IndexColorModel palette && index < palette.getMapSize()
                ? palette.getRGB(index)
                : 0;
        return fromImage(frame).on(gif.canvasWidth(), gif.canvasHeight(), gif.left(), gif.top(), around);
    }

    private static RgbImage webp(byte[] file, Limits limits) throws IOException {
        SourceFormat.WEBP.checkComplete(file);
        WebPFile.Frame frame = WebPFile.firstFrame(file);
        if (frame == null) {
            return fromImage(read(file, SourceFormat.WEBP, limits));
        }
        checkSize(frame.canvasWidth(), frame.canvasHeight(), limits);
        return fromImage(read(frame.file(), SourceFormat.WEBP, limits.withSmallestSide(1)))
                .on(frame.canvasWidth(), frame.canvasHeight(), frame.left(), frame.top(), 0);
    }

    /** What is done with a reader. */
    private interface Reading<T> {
        T with(ImageReader reader) throws IOException;
    }

    private static BufferedImage read(byte[] file, SourceFormat format, Limits limits) throws IOException {
        return withReader(file, format, limits, reader -> reader.read(0));
    }

    private static <T> T withReader(byte[] file, SourceFormat format, Limits limits, Reading<T> reading)
            throws IOException {
        ImageReader reader = reader(format);
        List<String> warnings = new ArrayList<>();
        try (ImageInputStream input = ImageIO.createImageInputStream(new ByteArrayInputStream(file))) {
            reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
            reader.setInput(input, true, true);
            checkSize(reader.getWidth(0), reader.getHeight(0), limits);
            format.checkComplete(file);
            T result = reading.with(reader);
            for (String warning : warnings) {
                if (warning.toLowerCase(Locale.ROOT).contains("premature end")) {
                    throw new RejectedImageException(
                            RejectionReason.TRUNCATED, "pixels of the %s are missing: %s".formatted(format, warning));
                }
            }
            return result;
        } finally {
            reader.dispose();
        }
    }

    private static void checkSize(int width, int height, Limits limits) {
        if (width < 1 || height < 1) {
            throw new RejectedImageException(
                    RejectionReason.CORRUPT, "it says it is %d x %d pixels".formatted(width, height));
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
            throw new AssertionError("no ImageIO reader for " + format);
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

    /**
     * JPEG holds inverted CMYK, as Adobe writes it (Pillow takes every CMYK JPEG to be so), or YCCK: then the first three
     * components are YCbCr.
     */
    private static RgbImage fromCmyk(Raster raster, boolean ycck) {
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
                if (ycck) {
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
                rgb[to] = multiply(first, black);
                rgb[to + 1] = multiply(second, black);
                rgb[to + 2] = multiply(third, black);
            }
        }
        return new RgbImage(width, height, rgb);
    }

    private static byte multiply(int light, int white) {
        return (byte) Math.round(light * white / 255.0);
    }

    private static int clamp(double value) {
        return (int) Math.max(0, Math.min(255, Math.round(value)));
    }
}
