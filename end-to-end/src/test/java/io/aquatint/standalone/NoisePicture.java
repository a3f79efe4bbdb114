package io.aquatint.standalone;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import javax.imageio.ImageIO;

/** Pictures that are all different and the same for the same seed. */
final class NoisePicture {
    private NoisePicture() {}

    /** A PNG file of 80 x 64 pixels. */
    static byte[] png(int seed) throws IOException {
        var image = new BufferedImage(80, 64, BufferedImage.TYPE_INT_RGB);
        var random = new Random(seed);
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                image.setRGB(x, y, random.nextInt());
            }
        }
        var bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }
}
