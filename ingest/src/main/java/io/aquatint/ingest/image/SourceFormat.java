package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What a file really is, told by its bytes, and whether all of it is there. */
enum SourceFormat {
    JPEG,
    PNG,
    GIF {
        @Override
        void checkComplete(byte[] file) {
            if (file.length < 14) {
                throw truncated("the GIF ends within its header");
            }
        }
    },
    BMP {
        @Override
        void checkComplete(byte[] file) {
            if (file.length < 26) {
                throw truncated("the BMP ends within its header");
            }
        }
    },
    WEBP {
        @Override
        void checkComplete(byte[] file) {
            long size = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(4) & 0xffffffffL;
            if (file.length < 30 || size + 8 > file.length) {
                throw truncated("the WebP says it has %d bytes, but there are %d".formatted(size + 8, file.length));
            }
        }
    };

    /** @throws RejectedImageException if the file ends before its picture does */
    void checkComplete(byte[] file) {}

    /** @throws RejectedImageException if the bytes are none of the formats */
    static SourceFormat of(byte[] file) {
        if (file.length == 0) {
            throw new RejectedImageException(RejectionReason.EMPTY, "the file is empty");
        }
        if (startsWith(file, 0, 0xff, 0xd8, 0xff)) {
            return JPEG;
        }
        if (startsWith(file, 0, 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n')) {
            return PNG;
        }
        if (startsWith(file, 0, 'G', 'I', 'F', '8')) {
            return GIF;
        }
        if (startsWith(file, 0, 'R', 'I', 'F', 'F') && startsWith(file, 8, 'W', 'E', 'B', 'P')) {
            return WEBP;
        }
        if (startsWith(file, 0, 'B', 'M') && (file.length < 18 || isBmpHeader(file[14] & 0xff))) {
            return BMP;
        }
        if (startsWith(file, 0, 'I', 'I', '*', 0) || startsWith(file, 0, 'M', 'M', 0, '*')) {
            throw unsupported("TIFF");
        }
        if (startsWith(file, 0, '8', 'B', 'P', 'S')) {
            throw unsupported("PSD");
        }
        if (startsWith(file, 4, 'f', 't', 'y', 'p')) {
            throw unsupported("HEIC, AVIF or video");
        }
        throw new RejectedImageException(
                RejectionReason.NOT_AN_IMAGE, "the bytes are those of no picture; they look like " + looks(file));
    }

    /** Text may begin with BM too: the size of the second header tells. */
    private static boolean isBmpHeader(int size) {
        return size == 12
                || size == 16
                || size == 40
                || size == 52
                || size == 56
                || size == 64
                || size == 108
                || size == 124;
    }

    private static String looks(byte[] file) {
        String start = new String(file, 0, Math.min(file.length, 256), StandardCharsets.UTF_8)
                .strip()
                .toLowerCase(Locale.ROOT);
        if (start.contains("<svg")) {
            return "an SVG drawing";
        }
        if (start.startsWith("<")) {
            return "HTML or XML";
        }
        return start.chars().allMatch(c -> (c >= ' ' && c != 0xfffd) || c == '\n' || c == '\r' || c == '\t')
                ? "text"
                : "some other kind of file";
    }

    private static boolean startsWith(byte[] file, int offset, int... magic) {
        if (file.length < offset + magic.length) {
            return false;
        }
        for (int i = 0; i < magic.length; i++) {
            if ((file[offset + i] & 0xff) != magic[i]) {
                return false;
            }
        }
        return true;
    }

    private static RejectedImageException unsupported(String format) {
        return new RejectedImageException(
                RejectionReason.UNSUPPORTED_FORMAT, format + " is not supported; JPEG, PNG, WebP, GIF and BMP are");
    }

    private static RejectedImageException truncated(String detail) {
        return new RejectedImageException(RejectionReason.TRUNCATED, detail);
    }
}
