package io.aquatint.ingest.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.function.IntBinaryOperator;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageOutputStream;

/** JPEGs of any form, by the JDK's writer. */
final class TestJpegs {
    private static final String FORMAT = "javax_imageio_jpeg_image_1.0";

    private TestJpegs() {}

    /** What 0xRRGGBB each pixel is. */
    static BufferedImage picture(int width, int height, boolean grey, IntBinaryOperator colour) {
        BufferedImage image =
                new BufferedImage(width, height, grey ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_3BYTE_BGR);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                image.setRGB(x, y, colour.applyAsInt(x, y));
            }
        }
        return image;
    }

    /**
     * @param horizontal how many samples of luma lie side by side for one of the colours
     * @param vertical how many lie on each other
     * @param restart how many units there are between restart markers; 0 for none
     */
    static byte[] jpeg(BufferedImage image, int horizontal, int vertical, int restart) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try {
            ImageWriteParam param = writer.getDefaultWriteParam();
            param.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            param.setCompressionQuality(0.9f);
            IIOMetadata metadata =
                    writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(image), param);
            IIOMetadataNode tree = (IIOMetadataNode) metadata.getAsTree(FORMAT);
            IIOMetadataNode sequence = (IIOMetadataNode)
                    tree.getElementsByTagName("markerSequence").item(0);
            IIOMetadataNode luma =
                    (IIOMetadataNode) tree.getElementsByTagName("componentSpec").item(0);
            luma.setAttribute("HsamplingFactor", Integer.toString(horizontal));
            luma.setAttribute("VsamplingFactor", Integer.toString(vertical));
            if (restart > 0) {
                IIOMetadataNode interval = new IIOMetadataNode("dri");
                interval.setAttribute("interval", Integer.toString(restart));
                sequence.insertBefore(
                        interval, sequence.getElementsByTagName("sof").item(0));
            }
            metadata.setFromTree(FORMAT, tree);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
                writer.setOutput(out);
                writer.write(null, new IIOImage(image, null, metadata), param);
            }
            return bytes.toByteArray();
        } finally {
            writer.dispose();
        }
    }
}
