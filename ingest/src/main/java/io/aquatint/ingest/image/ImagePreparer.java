package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import io.aquatint.runtime.store.Sha256;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Makes a picture ready for training: upright by its EXIF orientation, RGB, its middle, resized by Lanczos, as a PNG
 * without metadata. The pixels are those that Pillow would give; those of a JPEG that is much larger, nearly so.
 */
public final class ImagePreparer {
    private static final int HASHED_SIDE = 32;
    private static final double[][] COSINES = new double[8][HASHED_SIDE];

    static {
        for (int frequency = 0; frequency < COSINES.length; frequency++) {
            for (int i = 0; i < HASHED_SIDE; i++) {
                COSINES[frequency][i] = Math.cos(Math.PI * (2 * i + 1) * frequency / (2.0 * HASHED_SIDE));
            }
        }
    }

    private ImagePreparer() {}

    /**
     * @param file JPEG, PNG, WebP, GIF (its first frame) or BMP, whatever its name says
     * @param size the side of the result in pixels
     * @throws RejectedImageException if the picture is refused; nothing above the limits is decoded
     */
    public static Prepared prepare(byte[] file, int size, Limits limits) {
        return prepare(file, TargetSize.square(size), limits);
    }

    /** As the other, but that the result may have another shape than a square. */
    public static Prepared prepare(byte[] file, TargetSize target, Limits limits) {
        if (file.length > limits.bytes()) {
            throw new RejectedImageException(
                    RejectionReason.TOO_MANY_BYTES, "%d bytes; %d are allowed".formatted(file.length, limits.bytes()));
        }
        SourceFormat format = SourceFormat.of(file);
        Orientation orientation = Orientation.ofExif(Exif.orientation(file, format));
        CentreCut cut = ImageDecoder.decode(file, format, orientation, target, limits);
        RgbImage result = cut.resized();
        byte[] png = PngWriter.write(result);
        return new Prepared(
                png,
                Sha256.of(png),
                format.name(),
                cut.before(),
                cut.after(),
                cut.crop(),
                sharpness(result),
                perceptualHash(result));
    }

    /** The variance of the 4-neighbour Laplacian (Pech-Pacheco et al. 2000). */
    private static double sharpness(RgbImage image) {
        double[] luma = image.luma();
        int width = image.width();
        double sum = 0;
        double squares = 0;
        int count = 0;
        for (int y = 1; y < image.height() - 1; y++) {
            for (int x = 1; x < width - 1; x++) {
                int i = y * width + x;
                double laplacian = luma[i - 1] + luma[i + 1] + luma[i - width] + luma[i + width] - 4 * luma[i];
                sum += laplacian;
                squares += laplacian * laplacian;
                count++;
            }
        }
        return count == 0 ? 0 : squares / count - (sum / count) * (sum / count);
    }

    /** The signs of the 8 x 8 lowest frequencies of the 32 x 32 picture's cosine transform against their median. */
    private static String perceptualHash(RgbImage image) {
        int n = HASHED_SIDE;
        double[] luma = Lanczos.resize(image, n, n).luma();
        double[] low = new double[64];
        for (int v = 0; v < 8; v++) {
            for (int u = 0; u < 8; u++) {
                double sum = 0;
                for (int y = 0; y < n; y++) {
                    for (int x = 0; x < n; x++) {
                        sum += luma[y * n + x] * COSINES[u][x] * COSINES[v][y];
                    }
                }
                low[8 * v + u] = sum;
            }
        }
        double[] sorted = Arrays.copyOfRange(low, 1, 64);
        Arrays.sort(sorted);
        long hash = 0;
        for (double frequency : low) {
            hash = hash << 1 | (frequency > sorted[31] ? 1 : 0);
        }
        return HexFormat.of().toHexDigits(hash);
    }
}
