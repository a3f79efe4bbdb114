package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class PngWriterTest {
    @Test
    void aDetailedPictureIsReadBackAsItWas() throws IOException {
        byte[] rgb = new byte[3 * 300 * 200];
        new Random(1).nextBytes(rgb);
        RgbImage image = new RgbImage(300, 200, rgb);

        assertThat(readBack(PngWriter.write(image))).isEqualTo(rgb);
    }

    @Test
    void aFlatPictureIsReadBackAsItWasAndIsSmall() throws IOException {
        byte[] rgb = new byte[3 * 300 * 200];
        rgb[77_777] = 5;
        byte[] png = PngWriter.write(new RgbImage(300, 200, rgb));

        assertThat(readBack(png)).isEqualTo(rgb);
        assertThat(png.length).isLessThan(2_000);
    }

    private static byte[] readBack(byte[] png) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        int[] samples = image.getRaster().getPixels(0, 0, image.getWidth(), image.getHeight(), (int[]) null);
        byte[] rgb = new byte[samples.length];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) samples[i];
        }
        return rgb;
    }
}
