package io.aquatint.ingest.image;

import com.drew.lang.ByteArrayReader;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import com.drew.metadata.exif.ExifReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The EXIF orientation of a picture. Only the EXIF block itself is read: the other metadata of a file may be compressed, and
 * be gigabytes when it is not.
 */
final class Exif {
    private static final byte[] PREFIX = "Exif\0\0".getBytes(StandardCharsets.ISO_8859_1);

    private Exif() {}

    /** The orientation, 1 to 8; 1 where there is none or it cannot be read. */
    static int orientation(byte[] file, SourceFormat format) {
        byte[] block =
                switch (format) {
                    case JPEG -> JpegFile.exif(file);
                    case PNG -> PngFile.exif(file);
                    case WEBP -> WebPFile.exif(file);
                    case GIF, BMP -> null;
                };
        return block == null ? 1 : orientation(block);
    }

    private static int orientation(byte[] block) {
        Metadata metadata = new Metadata();
        new ExifReader().extract(new ByteArrayReader(startsWithPrefix(block) ? tail(block) : block), metadata);
        ExifIFD0Directory directory = metadata.getFirstDirectoryOfType(ExifIFD0Directory.class);
        @Nullable Integer orientation = directory == null ? null : directory.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
        return orientation == null || orientation < 1 || orientation > 8 ? 1 : orientation;
    }

    static boolean startsWithPrefix(byte[] block) {
        return block.length > PREFIX.length && Arrays.equals(block, 0, PREFIX.length, PREFIX, 0, PREFIX.length);
    }

    private static byte[] tail(byte[] block) {
        return Arrays.copyOfRange(block, PREFIX.length, block.length);
    }
}
