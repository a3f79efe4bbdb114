package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.PixelSize;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetSizeTest {
    @ParameterizedTest
    @CsvSource({
        "512,  1000, 1000, 512, 512",
        "512,  4032, 3024, 576, 448",
        "512,  3024, 4032, 448, 576",
        "512,  3000, 2000, 640, 384",
        "512,  9000, 1000, 640, 384",
        "1024, 4032, 3024, 1152, 896",
        "1024, 1600, 900,  1344, 768",
        "64,   1600, 900,  64, 64",
    })
    void aPictureGetsTheNearestShape(int resolution, int width, int height, int toWidth, int toHeight) {
        assertThat(TargetSize.buckets(resolution).of(new PixelSize(width, height)))
                .isEqualTo(new PixelSize(toWidth, toHeight));
        assertThat(TargetSize.square(resolution).of(new PixelSize(width, height)))
                .isEqualTo(new PixelSize(resolution, resolution));
    }

    @Test
    void theMiddleOfThatShapeIsCutOut() throws Exception {
        BufferedImage stripes = new BufferedImage(300, 200, BufferedImage.TYPE_INT_RGB);
        for (int x = 0; x < 300; x++) {
            for (int y = 0; y < 200; y++) {
                stripes.setRGB(x, y, x < 150 ? 0xff0000 : 0x0000ff);
            }
        }
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(stripes, "png", png);

        Prepared prepared = ImagePreparer.prepare(png.toByteArray(), TargetSize.buckets(512), Limits.DEFAULT);

        assertThat(prepared.before()).isEqualTo(new PixelSize(300, 200));
        assertThat(prepared.after()).isEqualTo(new PixelSize(640, 384));
        assertThat(prepared.crop().width()).isEqualTo(300);
        assertThat(prepared.crop().height()).isEqualTo(180);
        assertThat(prepared.crop().y()).isEqualTo(10);
        BufferedImage result = ImageIO.read(new ByteArrayInputStream(prepared.png()));
        assertThat(result.getWidth()).isEqualTo(640);
        assertThat(result.getHeight()).isEqualTo(384);
        assertThat(result.getRGB(300, 200) & 0xffffff).isEqualTo(0xff0000);
        assertThat(result.getRGB(340, 200) & 0xffffff).isEqualTo(0x0000ff);
    }
}
