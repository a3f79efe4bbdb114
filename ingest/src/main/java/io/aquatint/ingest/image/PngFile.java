package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/** The chunks of a PNG (ISO/IEC 15948). */
final class PngFile {
    private static final int SIGNATURE = 8;
    private static final int IHDR = 0x49484452;
    private static final int PLTE = 0x504c5445;
    private static final int IDAT = 0x49444154;
    private static final int IEND = 0x49454e44;
    private static final int TRNS = 0x74524e53;
    private static final int EXIF = 0x65584966;

    private PngFile() {}

    /**
     * The same picture without what is not pixels: profiles and texts may be broken, or be gigabytes when inflated.
     *
     * @throws RejectedImageException if the file ends early, or a chunk's check sum is wrong
     */
    static byte[] pixelsOnly(byte[] file) {
        ByteBuffer bytes = ByteBuffer.wrap(file);
        ByteArrayOutputStream out = new ByteArrayOutputStream(file.length);
        out.write(file, 0, SIGNATURE);
        int position = SIGNATURE;
        while (position + 12 <= file.length) {
            long length = bytes.getInt(position) & 0xffffffffL;
            if (length > file.length - position - 12L) {
                throw new RejectedImageException(RejectionReason.TRUNCATED, "the PNG ends within a chunk");
            }
            int type = bytes.getInt(position + 4);
            int whole = (int) length + 12;
            if (type == IHDR || type == PLTE || type == IDAT || type == IEND) {
                checkSum(file, position, (int) length, bytes.getInt(position + 8 + (int) length));
                out.write(file, position, whole);
            } else if (type == TRNS) {
                out.write(file, position, whole);
            }
            if (type == IEND) {
                return out.toByteArray();
            }
            position += whole;
        }
        throw new RejectedImageException(RejectionReason.TRUNCATED, "the PNG has no end chunk");
    }

    /** The EXIF block, or null where there is none. */
    static byte @Nullable [] exif(byte[] file) {
        ByteBuffer bytes = ByteBuffer.wrap(file);
        long position = SIGNATURE;
        while (position + 12 <= file.length) {
            long length = bytes.getInt((int) position) & 0xffffffffL;
            int type = bytes.getInt((int) position + 4);
            if (type == IEND || position + 12 + length > file.length) {
                return null;
            }
            if (type == EXIF) {
                return Arrays.copyOfRange(file, (int) position + 8, (int) (position + 8 + length));
            }
            position += length + 12;
        }
        return null;
    }

    private static void checkSum(byte[] file, int position, int length, int expected) {
        CRC32 sum = new CRC32();
        sum.update(file, position + 4, length + 4);
        if ((int) sum.getValue() != expected) {
            throw new RejectedImageException(
                    RejectionReason.CORRUPT, "the check sum of the PNG's chunk at byte " + position + " is wrong");
        }
    }
}
