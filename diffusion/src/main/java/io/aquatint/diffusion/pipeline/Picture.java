package io.aquatint.diffusion.pipeline;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/**
 * A picture in 8-bit RGB.
 *
 * @param rgb row by row, three bytes a pixel
 */
@SuppressWarnings("ArrayRecordComponent")
public record Picture(int width, int height, byte[] rgb) {
    private static final String PNG_METADATA = "javax_imageio_png_1.0";

    public Picture {
        if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
            throw new IllegalArgumentException("%d bytes for %d x %d pixels".formatted(rgb.length, width, height));
        }
    }

    /**
     * Reads a file's bytes, of any format that ImageIO knows; transparency is dropped.
     *
     * @throws IllegalArgumentException if they are no picture
     */
    public static Picture decode(byte[] file) {
        BufferedImage image;
        try {
            image = ImageIO.read(new ByteArrayInputStream(file));
        } catch (IOException e) {
            throw new IllegalArgumentException("this picture cannot be read: " + e.getMessage(), e);
        }
        if (image == null) {
            throw new IllegalArgumentException("these %d bytes are no picture".formatted(file.length));
        }
        int[] pixels = image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
        byte[] rgb = new byte[3 * pixels.length];
        for (int i = 0; i < pixels.length; i++) {
            rgb[3 * i] = (byte) (pixels[i] >> 16);
            rgb[3 * i + 1] = (byte) (pixels[i] >> 8);
            rgb[3 * i + 2] = (byte) pixels[i];
        }
        return new Picture(image.getWidth(), image.getHeight(), rgb);
    }

    /**
     * From what the autoencoder decodes.
     *
     * @param planes [3, height, width], -1 to 1; what is outside is clamped
     */
    public static Picture ofPlanes(float[] planes, int width, int height) {
        int pixels = width * height;
        byte[] rgb = new byte[3 * pixels];
        for (int channel = 0; channel < 3; channel++) {
            for (int i = 0; i < pixels; i++) {
                float value = planes[channel * pixels + i] / 2 + 0.5f;
                float level = Math.min(1, Math.max(0, value)) * 255;
                rgb[3 * i + channel] = (byte) (level + 0.5); // as Math.round, in half the time
            }
        }
        return new Picture(width, height, rgb);
    }

    /** Left and right exchanged. */
    public Picture mirrored() {
        byte[] mirrored = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                System.arraycopy(rgb, 3 * (y * width + x), mirrored, 3 * (y * width + width - 1 - x), 3);
            }
        }
        return new Picture(width, height, mirrored);
    }

    /** What the autoencoder encodes: [3, height, width], -1 to 1. */
    public float[] toPlanes() {
        int pixels = width * height;
        float[] planes = new float[3 * pixels];
        for (int channel = 0; channel < 3; channel++) {
            for (int i = 0; i < pixels; i++) {
                planes[channel * pixels + i] = (rgb[3 * i + channel] & 0xff) / 127.5f - 1;
            }
        }
        return planes;
    }

    BufferedImage toImage() {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        int[] pixels = new int[width * height];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = ((rgb[3 * i] & 0xff) << 16) | ((rgb[3 * i + 1] & 0xff) << 8) | (rgb[3 * i + 2] & 0xff);
        }
        image.setRGB(0, 0, width, height, pixels, 0, width);
        return image;
    }

    /** The picture as a PNG file, the same bytes for the same pixels. */
    public byte[] toPng() {
        return toPng(Map.of());
    }

    /**
     * The same with texts inside.
     *
     * @param texts by their keywords, each in an iTXt chunk of its own
     */
    public byte[] toPng(Map<String, String> texts) {
        BufferedImage image = toImage();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        try (ImageOutputStream stream = ImageIO.createImageOutputStream(bytes)) {
            writer.setOutput(stream);
            IIOMetadata metadata = writer.getDefaultImageMetadata(new ImageTypeSpecifier(image), null);
            if (!texts.isEmpty()) {
                metadata.mergeTree(PNG_METADATA, textChunks(texts));
            }
            writer.write(new IIOImage(image, null, metadata));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static IIOMetadataNode textChunks(Map<String, String> texts) {
        IIOMetadataNode chunks = new IIOMetadataNode("iTXt");
        texts.forEach((keyword, text) -> {
            IIOMetadataNode chunk = new IIOMetadataNode("iTXtEntry");
            chunk.setAttribute("keyword", keyword);
            chunk.setAttribute("compressionFlag", "FALSE");
            chunk.setAttribute("compressionMethod", "0");
            chunk.setAttribute("languageTag", "");
            chunk.setAttribute("translatedKeyword", "");
            chunk.setAttribute("text", text);
            chunks.appendChild(chunk);
        });
        IIOMetadataNode root = new IIOMetadataNode(PNG_METADATA);
        root.appendChild(chunks);
        return root;
    }
}
