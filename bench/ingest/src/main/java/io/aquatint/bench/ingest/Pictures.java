package io.aquatint.bench.ingest;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * Photographs of a size that cameras have, made of small ones: laid side by side and mirrored, with a little noise, as JPEG of quality
 * 90 with halved colours. A file has about 2.5 bits a pixel, as a camera's has.
 */
final class Pictures {
    private static final float QUALITY = 0.9f;
    private static final double NOISE = 6;

    private Pictures() {}

    /** @param from a folder of JPEGs */
    static List<Path> make(Path from, Path to, int width, int height) throws IOException {
        Files.createDirectories(to);
        List<Path> made = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(from, "*.jpg")) {
            for (Path file : files) {
                Path picture = to.resolve(file.getFileName());
                write(tiled(ImageIO.read(file.toFile()), width, height), picture);
                made.add(picture);
            }
        }
        if (made.isEmpty()) {
            throw new NoSuchFileException(from.toString(), null, "there are no photographs to make pictures of");
        }
        return made;
    }

    private static BufferedImage tiled(BufferedImage tile, int width, int height) {
        double zoom = Math.max(1, width / 2000.0);
        int tileWidth = (int) (tile.getWidth() * zoom);
        int tileHeight = (int) (tile.getHeight() * zoom);
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
        for (int row = 0; row * tileHeight < height; row++) {
            for (int column = 0; column * tileWidth < width; column++) {
                int left = (column + column % 2) * tileWidth;
                int top = (row + row % 2) * tileHeight;
                int signedWidth = column % 2 == 0 ? tileWidth : -tileWidth;
                int signedHeight = row % 2 == 0 ? tileHeight : -tileHeight;
                graphics.drawImage(tile, left, top, signedWidth, signedHeight, null);
            }
        }
        graphics.dispose();
        Random random = new Random(1);
        int[] row = new int[3 * width];
        for (int y = 0; y < height; y++) {
            image.getRaster().getPixels(0, y, width, 1, row);
            for (int i = 0; i < row.length; i++) {
                row[i] = (int) Math.max(0, Math.min(255, row[i] + NOISE * random.nextGaussian()));
            }
            image.getRaster().setPixels(0, y, width, 1, row);
        }
        return image;
    }

    private static void write(BufferedImage image, Path file) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        ImageWriteParam param = writer.getDefaultWriteParam();
        param.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        param.setCompressionQuality(QUALITY);
        try (ImageOutputStream out = ImageIO.createImageOutputStream(Files.newOutputStream(file))) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image, null, null), param);
        } finally {
            writer.dispose();
        }
    }
}
