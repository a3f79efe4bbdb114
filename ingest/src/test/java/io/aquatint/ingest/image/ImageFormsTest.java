package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.aquatint.events.RejectionReason;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rarer forms of one photograph; the expected pixels are those of Pillow 12.3. */
class ImageFormsTest {
    private static final int SIZE = 64;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "exif2.jpg",
                "exif4.jpg",
                "exif5.jpg",
                "exif7.jpg",
                "exif6.png",
                "exif6.webp",
                "cmykprog.jpg",
                "cmyknoadobe.jpg",
                "ycck.jpg",
                "nomarkers444.jpg",
                "exifonly444.jpg",
                "badicc.jpg",
                "badicc.png",
                "restart.jpg",
                "gray.jpg",
                "inter.png",
                "inter16.png",
                "la16.png",
                "g2.png",
                "g4.png",
                "trnsRGB.png",
                "offset.gif",
                "offsettrans.gif",
                "inter.gif",
                "b1.bmp",
                "animalpha.webp",
                "tiny.jpg"
            })
    void aRareFormHasThePixelsThatPillowGives(String name) throws IOException {
        Prepared prepared = ImagePreparer.prepare(resource("forms/uploads/" + name), SIZE, Limits.DEFAULT);

        int[] actual = pixels(prepared.png());
        int[] expected = pixels(resource("forms/expected/" + name + ".png"));
        assertThat(actual).hasSameSizeAs(expected);
        double sum = 0;
        for (int i = 0; i < actual.length; i++) {
            sum += Math.abs(actual[i] - expected[i]);
        }
        assertThat(sum / actual.length).isLessThan(0.05);
    }

    @Test
    void aTextThatInflatesToGigabytesIsNotInflated() throws IOException {
        byte[] file = resource("uploads/tiny.png");
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.writeBytes("bomb\0\0".getBytes(StandardCharsets.ISO_8859_1));
        try (DeflaterOutputStream deflate = new DeflaterOutputStream(text)) {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 1500; i++) {
                deflate.write(zeros);
            }
        }
        int afterHeader = 33;
        ByteArrayOutputStream bomb = new ByteArrayOutputStream();
        bomb.write(file, 0, afterHeader);
        bomb.writeBytes(chunk("zTXt", text.toByteArray()));
        bomb.write(file, afterHeader, file.length - afterHeader);

        Prepared prepared = ImagePreparer.prepare(bomb.toByteArray(), SIZE, Limits.DEFAULT);

        assertThat(prepared.png())
                .isEqualTo(ImagePreparer.prepare(file, SIZE, Limits.DEFAULT).png());
    }

    @Test
    void aJpegWhosePixelsWereCutOutIsRefusedThoughItHasAnEnd() throws IOException {
        byte[] file = resource("uploads/plain.jpg");
        byte[] cut = Arrays.copyOf(file, file.length / 2);
        cut[cut.length - 2] = (byte) 0xff;
        cut[cut.length - 1] = (byte) 0xd9;

        assertThat(refusal(cut)).isEqualTo(RejectionReason.TRUNCATED);
    }

    @Test
    void aPngWithAFlippedBitIsCorrupt() throws IOException {
        byte[] file = resource("uploads/tiny.png");
        file[file.length / 2] ^= 1;

        assertThat(refusal(file)).isEqualTo(RejectionReason.CORRUPT);
    }

    @Test
    void textThatBeginsAsABitmapDoesIsNoImage() {
        assertThat(refusal("BMW is a maker of cars and motorcycles".getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(RejectionReason.NOT_AN_IMAGE);
    }

    private static RejectionReason refusal(byte[] file) {
        return catchThrowableOfType(
                        RejectedImageException.class, () -> ImagePreparer.prepare(file, SIZE, Limits.DEFAULT))
                .reason();
    }

    private static byte[] chunk(String type, byte[] data) {
        ByteBuffer chunk = ByteBuffer.allocate(data.length + 12);
        chunk.putInt(data.length)
                .put(type.getBytes(StandardCharsets.ISO_8859_1))
                .put(data);
        CRC32 sum = new CRC32();
        sum.update(chunk.array(), 4, data.length + 4);
        return chunk.putInt((int) sum.getValue()).array();
    }

    private static int[] pixels(byte[] png) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        return image.getRaster().getPixels(0, 0, SIZE, SIZE, (int[]) null);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = ImageFormsTest.class.getResourceAsStream("/images/" + name)) {
            assertThat(in).as(name).isNotNull();
            return in.readAllBytes();
        }
    }
}
