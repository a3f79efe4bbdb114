package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.events.Crop;
import io.aquatint.events.PixelSize;
import io.aquatint.events.RejectionReason;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ImagePreparerTest {
    private static final int SIZE = 256;

    static List<String> uploads() throws IOException {
        List<String> names = new ArrayList<>();
        index().path("files").fieldNames().forEachRemaining(names::add);
        return names;
    }

    @ParameterizedTest
    @MethodSource("uploads")
    void everyFormOfUploadHasThePixelsThatPillowGives(String name) throws IOException {
        Prepared prepared = ImagePreparer.prepare(resource("uploads/" + name), SIZE, Limits.DEFAULT);

        BufferedImage actual = ImageIO.read(new ByteArrayInputStream(prepared.png()));
        BufferedImage expected = ImageIO.read(new ByteArrayInputStream(resource("expected/" + name + ".256.png")));
        boolean lossy = name.endsWith(".jpg") || name.equals("lossy.webp");
        assertThat(meanAbsoluteDifference(actual, expected)).isLessThan(lossy ? 2.0 : 1.0);
        JsonNode facts = index().path("files").path(name);
        assertThat(prepared.before())
                .isEqualTo(new PixelSize(
                        facts.at("/oriented_size/0").asInt(),
                        facts.at("/oriented_size/1").asInt()));
        assertThat(prepared.crop())
                .isEqualTo(new Crop(
                        facts.at("/crop/0").asInt(),
                        facts.at("/crop/1").asInt(),
                        facts.at("/crop/2").asInt()));
    }

    @ParameterizedTest
    @CsvSource({
        "bomb-30000x30000.png, TOO_MANY_PIXELS",
        "lying-header-100000x100000.png, TOO_MANY_PIXELS",
        "empty.jpg, EMPTY",
        "header-only.png, TRUNCATED",
        "truncated.jpg, TRUNCATED",
        "html.png, NOT_AN_IMAGE",
        "svg.png, NOT_AN_IMAGE",
        "text.jpg, NOT_AN_IMAGE"
    })
    void aBadFileIsRefusedWithItsReason(String name, RejectionReason reason) throws IOException {
        byte[] file = resource("bad/" + name);

        RejectedImageException refused = catchThrowableOfType(
                RejectedImageException.class, () -> ImagePreparer.prepare(file, SIZE, Limits.DEFAULT));

        assertThat(refused.reason()).isEqualTo(reason);
        assertThat(refused.getMessage()).isNotBlank();
    }

    @Test
    void bytesAfterThePictureAreAcceptedAndNotKept() throws IOException {
        Prepared prepared = ImagePreparer.prepare(resource("bad/trailing-zip.jpg"), SIZE, Limits.DEFAULT);

        assertThat(prepared.png())
                .isEqualTo(ImagePreparer.prepare(resource("uploads/plain.jpg"), SIZE, Limits.DEFAULT)
                        .png());
    }

    @Test
    void everyPrefixOfAPictureIsRefusedOrDecodedButNeverBreaks() throws IOException {
        for (String name :
                List.of("plain.jpg", "progressive.jpg", "tiny.png", "lossless.webp", "palette.gif", "bmp.bmp")) {
            byte[] file = resource("uploads/" + name);
            for (int part = 1; part < 20; part++) {
                byte[] prefix = Arrays.copyOf(file, file.length * part / 20);
                assertThatThrownBy(() -> ImagePreparer.prepare(prefix, SIZE, Limits.DEFAULT))
                        .as("%s, %d of 20 parts", name, part)
                        .isInstanceOf(RejectedImageException.class);
            }
        }
    }

    @Test
    void theSamePictureInAnotherOrientationLooksAlike() throws IOException {
        String upright = ImagePreparer.prepare(resource("uploads/exif-orientation-6.jpg"), SIZE, Limits.DEFAULT)
                .perceptualHash();
        String same = ImagePreparer.prepare(resource("uploads/exif-orientation-8.jpg"), SIZE, Limits.DEFAULT)
                .perceptualHash();
        String other = ImagePreparer.prepare(resource("uploads/plain.jpg"), SIZE, Limits.DEFAULT)
                .perceptualHash();

        assertThat(upright).hasSize(16);
        assertThat(bitsApart(upright, other)).isGreaterThan(10);
        assertThat(bitsApart(upright, same)).isNotEqualTo(0); // one is the other upside down
    }

    @Test
    void aFileOverTheByteLimitIsNotLookedAt() {
        Limits small = new Limits(10, 100, 1);

        assertThatThrownBy(() -> ImagePreparer.prepare(new byte[11], SIZE, small))
                .isInstanceOf(RejectedImageException.class)
                .hasMessageContaining("11 bytes; 10 are allowed");
    }

    private static int bitsApart(String a, String b) {
        return Long.bitCount(Long.parseUnsignedLong(a, 16) ^ Long.parseUnsignedLong(b, 16));
    }

    private static double meanAbsoluteDifference(BufferedImage a, BufferedImage b) {
        int[] first = a.getRaster().getPixels(0, 0, SIZE, SIZE, (int[]) null);
        int[] second = b.getRaster().getPixels(0, 0, SIZE, SIZE, (int[]) null);
        assertThat(first).hasSameSizeAs(second);
        double sum = 0;
        for (int i = 0; i < first.length; i++) {
            sum += Math.abs(first[i] - second[i]);
        }
        return sum / first.length;
    }

    private static JsonNode index() throws IOException {
        return new ObjectMapper().readTree(resource("expected/index.json"));
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = ImagePreparerTest.class.getResourceAsStream("/images/" + name)) {
            assertThat(in).as(name).isNotNull();
            return in.readAllBytes();
        }
    }
}
