package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What a file really is, told by its bytes, and whether all of it is there. */
enum SourceFormat {
    JPEG {
        @Override
        void checkComplete(byte[] file) {
            int position = 2;
            while (position + 4 <= file.length) {
                if ((file[position] & 0xff) != 0xff) {
                    throw corrupt("a JPEG without a marker at byte " + position);
                }
                int marker = file[position + 1] & 0xff;
                if (marker == 0xff) {
                    position++;
                    continue;
                }
                if (marker == 0xd9) {
                    return;
                }
                if (marker == 0x01 || marker >= 0xd0 && marker <= 0xd8) {
                    position += 2;
                    continue;
                }
                position += 2 + ((file[position + 2] & 0xff) << 8 | file[position + 3] & 0xff);
                if (marker == 0xda) {
                    position = endOfScan(file, position);
                }
            }
            if (position + 2 == file.length && (file[position] & 0xff) == 0xff && (file[position + 1] & 0xff) == 0xd9) {
                return;
            }
            throw truncated("the JPEG has no end marker");
        }

        private int endOfScan(byte[] file, int from) {
            int position = from;
            while (position + 1 < file.length) {
                if ((file[position] & 0xff) == 0xff) {
                    int next = file[position + 1] & 0xff;
                    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
                        return position;
                    }
                }
                position++;
            }
            throw truncated("the JPEG ends within its pixels");
        }
    },
    PNG {
        @Override
        void checkComplete(byte[] file) {
            ByteBuffer bytes = ByteBuffer.wrap(file);
            int position = 8;
            while (position + 12 <= file.length) {
                long length = bytes.getInt(position) & 0xffffffffL;
                if (length > file.length - position - 12) {
                    throw truncated("the PNG ends within a chunk");
                }
                if (bytes.getInt(position + 4) == 0x49454e44) { // IEND
                    return;
                }
                position += (int) length + 12;
            }
            throw truncated("the PNG has no end chunk");
        }
    },
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
    abstract void checkComplete(byte[] file);

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
        if (startsWith(file, 0, 'B', 'M')) {
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
        return start.chars().allMatch(c -> c >= ' ' && c != 0xfffd || c == '\n' || c == '\r' || c == '\t')
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

    private static RejectedImageException corrupt(String detail) {
        return new RejectedImageException(RejectionReason.CORRUPT, detail);
    }
}
