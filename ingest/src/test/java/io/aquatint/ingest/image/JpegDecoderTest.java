package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.PixelSize;
import io.aquatint.ingest.Resources;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntBinaryOperator;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JpegDecoderTest {
    private static final int SIZE = 64;

    @ParameterizedTest
    @CsvSource({
        "1, 1, 0, false, 200, 150",
        "2, 1, 0, false, 200, 150",
        "2, 2, 0, false, 200, 150",
        "2, 2, 0, false, 37, 41",
        "2, 1, 0, false, 33, 17",
        "2, 2, 5, false, 129, 65",
        "1, 1, 1, false, 63, 63",
        "1, 1, 0, true, 61, 83",
        "1, 1, 7, true, 160, 90",
        "2, 2, 0, false, 8, 9"
    })
    void atFullSizeThePixelsAreThoseOfLibjpeg(
            int horizontal, int vertical, int restart, boolean grey, int width, int height) throws IOException {
        BufferedImage picture = TestJpegs.picture(width, height, grey, noisyWaves());
        byte[] file = TestJpegs.jpeg(picture, horizontal, vertical, restart);

        RgbImage actual = decode(file, 1, new PixelBox(0, 0, width, height)).orElseThrow();

        assertThat(samples(actual)).isEqualTo(libjpeg(file, grey));
    }

    @ParameterizedTest
    @CsvSource({"0, 0, 1, 1", "31, 17, 90, 44", "63, 64, 129, 65", "100, 3, 101, 60"})
    void aRectangleHasThePixelsThatTheWholeHasThere(int left, int top, int right, int bottom) throws IOException {
        byte[] file = TestJpegs.jpeg(TestJpegs.picture(129, 65, false, noisyWaves()), 2, 2, 3);
        PixelBox box = new PixelBox(left, top, right, bottom);

        RgbImage part = decode(file, 1, box).orElseThrow();

        assertThat(part)
                .usingRecursiveComparison()
                .isEqualTo(decode(file, 1, new PixelBox(0, 0, 129, 65))
                        .orElseThrow()
                        .crop(box));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void aFlatPictureIsAsFlatAtEveryScale(int scale) throws IOException {
        byte[] file = TestJpegs.jpeg(TestJpegs.picture(130, 70, false, (x, y) -> 0x406080), 2, 2, 0);
        PixelBox whole = new PixelBox(0, 0, (130 + scale - 1) / scale, (70 + scale - 1) / scale);

        RgbImage small = decode(file, scale, whole).orElseThrow();

        int[] pixel = Arrays.copyOf(libjpeg(file, false), 3);
        for (int i = 0; i < small.rgb().length; i++) {
            assertThat(small.rgb()[i] & 0xff).isEqualTo(pixel[i % 3]);
        }
    }

    /** With twice the pixels of the result left, the least that ingest decodes. */
    @ParameterizedTest
    @CsvSource({"plain.jpg, 2", "plain.jpg, 4", "exif-orientation-3.jpg, 2", "exif-orientation-3.jpg, 4"})
    void aPhotographThatIsDecodedSmallLooksTheSameWhenResized(String name, int scale) {
        byte[] file = Resources.image("uploads/" + name);
        PixelSize size = JpegFile.size(file);

        assertThat(differenceOfScaled(file, size.width(), size.height(), Orientation.UPRIGHT, scale))
                .isLessThan(0.7);
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 2", "2, 1, 2", "2, 2, 2", "1, 1, 4", "2, 1, 4", "2, 2, 4"})
    void evenNoiseAndFineRingsLookTheSameHoweverThePictureIsTurned(int horizontal, int vertical, int scale)
            throws IOException {
        int width = 2 * scale * SIZE + 67;
        int height = 2 * scale * SIZE + 5;
        for (IntBinaryOperator pattern : List.of(noise(), rings(height / 2))) {
            byte[] file = TestJpegs.jpeg(TestJpegs.picture(width, height, false, pattern), horizontal, vertical, 0);
            for (int exif = 1; exif <= 8; exif++) {
                assertThat(differenceOfScaled(file, width, height, Orientation.ofExif(exif), scale))
                        .isLessThan(2.0);
            }
        }
    }

    @Test
    void blackStrokesOnWhiteAreNotDecodedSmall() throws IOException {
        int side = 8 * SIZE;
        byte[] file = TestJpegs.jpeg(TestJpegs.picture(side, side, false, JpegDecoderTest::strokes), 2, 2, 0);
        RgbImage whole = square(file, side, side, Orientation.UPRIGHT, 1, SIZE).resized();

        RgbImage prepared = ImageDecoder.decode(
                        file, SourceFormat.JPEG, Orientation.UPRIGHT, TargetSize.square(SIZE), Limits.DEFAULT)
                .resized();

        assertThat(difference(
                        square(file, side, side, Orientation.UPRIGHT, 4, SIZE).resized(), whole))
                .as("what decoding it small would change")
                .isGreaterThan(2);
        assertThat(difference(prepared, whole)).isZero();
    }

    @Test
    void damagedDataIsLeftToOthers() throws IOException {
        byte[] file = TestJpegs.jpeg(TestJpegs.picture(200, 150, false, noisyWaves()), 2, 2, 0);
        BaselineJpeg jpeg = BaselineJpeg.of(JpegFile.read(file)).orElseThrow();
        BaselineJpeg cut = new BaselineJpeg(
                jpeg.width(),
                jpeg.height(),
                jpeg.components(),
                jpeg.restartInterval(),
                jpeg.dataStart(),
                (jpeg.dataStart() + jpeg.dataEnd()) / 2);

        assertThat(JpegDecoder.decode(file, cut, false, 1, new PixelBox(0, 0, 8, 8)))
                .isEmpty();
    }

    @Test
    void whateverTheBytesOfAScanAreNothingBreaks() throws IOException {
        Random random = new Random(7);
        byte[] good = TestJpegs.jpeg(TestJpegs.picture(90, 70, false, noisyWaves()), 2, 2, 4);
        BaselineJpeg jpeg = BaselineJpeg.of(JpegFile.read(good)).orElseThrow();
        int decoded = 0;
        for (int i = 0; i < 300; i++) {
            byte[] file = good.clone();
            for (int k = 0; k <= i % 20; k++) {
                file[jpeg.dataStart() + random.nextInt(jpeg.dataEnd() - jpeg.dataStart())] = (byte) random.nextInt();
            }
            decoded += JpegDecoder.decode(file, jpeg, false, 1, new PixelBox(0, 0, 90, 70))
                    .map(RgbImage::width)
                    .orElse(0);
        }

        assertThat(decoded).isGreaterThan(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"progressive.jpg", "cmyk.jpg"})
    void otherKindsAreLeftToTheReaderOfTheJdk(String name) {
        JpegFile file = JpegFile.read(Resources.image("uploads/" + name));

        assertThat(BaselineJpeg.of(file)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain.jpg", "odd-size.jpg", "exif-orientation-6.jpg"})
    void whatCamerasWriteIsNot(String name) {
        JpegFile file = JpegFile.read(Resources.image("uploads/" + name));

        assertThat(BaselineJpeg.of(file)).isPresent();
    }

    private static Optional<RgbImage> decode(byte[] file, int scale, PixelBox box) {
        JpegFile jpeg = JpegFile.read(file);
        return JpegDecoder.decode(file, BaselineJpeg.of(jpeg).orElseThrow(), jpeg.isRgb(), scale, box);
    }

    /** Mean and absolute, between the picture decoded small and the picture decoded whole, both resized. */
    private static double differenceOfScaled(byte[] file, int width, int height, Orientation orientation, int scale) {
        int size = Math.min(width, height) / (2 * scale);
        RgbImage small = square(file, width, height, orientation, scale, size).resized();
        RgbImage full = square(file, width, height, orientation, 1, size).resized();
        return difference(small, full);
    }

    private static CentreCut square(byte[] file, int width, int height, Orientation orientation, int scale, int size) {
        return CentreCut.of(width, height, orientation, TargetSize.square(size), scale, box -> decode(file, scale, box))
                .orElseThrow();
    }

    private static int[] libjpeg(byte[] file, boolean grey) throws IOException {
        Raster raster = ImageIO.read(new ByteArrayInputStream(file)).getRaster();
        int[] samples = raster.getPixels(0, 0, raster.getWidth(), raster.getHeight(), (int[]) null);
        return grey
                ? Arrays.stream(samples)
                        .flatMap(v -> Arrays.stream(new int[] {v, v, v}))
                        .toArray()
                : samples;
    }

    private static int[] samples(RgbImage image) {
        int[] samples = new int[image.rgb().length];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = image.rgb()[i] & 0xff;
        }
        return samples;
    }

    private static double difference(RgbImage a, RgbImage b) {
        double sum = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            sum += Math.abs((a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff));
        }
        return sum / a.rgb().length;
    }

    private static IntBinaryOperator noisyWaves() {
        Random random = new Random(3);
        return (x, y) -> {
            int red = (int) (128 + 90 * Math.sin(x / 5.0) + random.nextInt(30));
            int green = (int) (128 + 90 * Math.cos((x + y) / 9.0) + random.nextInt(30));
            int blue = (int) (128 + 90 * Math.sin(y / 3.0) + random.nextInt(30));
            return red << 16 | green << 8 | blue;
        };
    }

    private static IntBinaryOperator noise() {
        Random random = new Random(4);
        return (x, y) -> random.nextInt(1 << 24);
    }

    private static int strokes(int x, int y) {
        return x % 16 < 3 || y % 24 < 3 ? 0 : 0xffffff;
    }

    /** A zone plate: rings that become finer outwards, to two pixels. */
    private static IntBinaryOperator rings(int radius) {
        return (x, y) -> {
            double square = Math.pow(x - radius, 2) + Math.pow(y - radius, 2);
            return 0x010101 * (int) (127.5 + 127 * Math.cos(Math.PI * square / (2 * radius)));
        };
    }
}
