package io.aquatint.ingest.image;

import io.aquatint.events.PixelSize;
import io.aquatint.events.RejectionReason;
import java.io.ByteArrayOutputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The segments of a JPEG (ITU-T T.81), and what colours its components are, as libjpeg decides it. */
final class JpegFile {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    static final int START_OF_SCAN = 0xda;
    private static final int END = 0xd9;
    private static final int ADOBE = 0xee;
    private static final byte[] JFIF = {
        (byte) 0xff, (byte) 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0
    };
    private static final byte[] ADOBE_RGB = {
        (byte) 0xff, (byte) ADOBE, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0
    };

    /** One segment: its marker, and where it begins and ends; a scan's includes its entropy-coded data. */
    record Segment(int marker, int start, int end) {}

    private final byte[] file;
    private final List<Segment> segments;
    private final Segment frame;

    private JpegFile(byte[] file, List<Segment> segments, Segment frame) {
        this.file = file;
        this.segments = segments;
        this.frame = frame;
    }

    /** @throws RejectedImageException if the file ends early, has no frame, or is of a rare kind that is not supported */
    static JpegFile read(byte[] file) {
        List<Segment> segments = segments(file, true);
        Segment frame = segments.stream()
                .filter(segment -> isFrame(segment.marker))
                .findFirst()
                .orElseThrow(() -> new RejectedImageException(RejectionReason.CORRUPT, "the JPEG has no frame header"));
        if (frame.end - frame.start < 11) {
            throw new RejectedImageException(RejectionReason.CORRUPT, "the JPEG's frame header is too short");
        }
        if (frame.marker > 0xc2) {
            throw unsupported("lossless, hierarchical and arithmetic-coded JPEG are not supported");
        }
        if (file[frame.start + 4] != 8) {
            throw unsupported("JPEG with " + file[frame.start + 4] + " bits a sample is not supported");
        }
        JpegFile jpeg = new JpegFile(file, segments, frame);
        int components = jpeg.components();
        if (components != 1 && components != 3 && components != 4) {
            throw unsupported("JPEG with " + components + " components is not supported");
        }
        if (frame.end - frame.start < 10 + 3 * components) {
            throw new RejectedImageException(RejectionReason.CORRUPT, "the JPEG's frame header is too short");
        }
        return jpeg;
    }

    /** The size that the frame header says, without looking at the rest. */
    static PixelSize size(byte[] file) {
        for (Segment segment : segments(file, false)) {
            if (isFrame(segment.marker) && segment.end - segment.start >= 10) {
                int at = segment.start + 5;
                return new PixelSize(
                        ((file[at + 2] & 0xff) << 8) | (file[at + 3] & 0xff),
                        ((file[at] & 0xff) << 8) | (file[at + 1] & 0xff));
            }
        }
        throw new RejectedImageException(RejectionReason.CORRUPT, "the JPEG has no frame header");
    }

    /** The bytes that it was read from. */
    byte[] bytes() {
        return file;
    }

    List<Segment> segments() {
        return segments;
    }

    Segment frame() {
        return frame;
    }

    int components() {
        return file[frame.start + 9] & 0xff;
    }

    /** Whether four components are YCCK and not CMYK. */
    boolean isYcck() {
        return adobeTransform() > 0;
    }

    /**
     * The same picture without metadata and profiles, and with a marker that says plainly what its colours are, since readers
     * guess differently where there is none.
     */
    byte[] pixelsOnly() {
        ByteArrayOutputStream out = new ByteArrayOutputStream(file.length);
        out.write(file, 0, 2);
        if (components() < 4) {
            out.writeBytes(isRgb() ? ADOBE_RGB : JFIF);
        }
        for (Segment segment : segments) {
            boolean metadata = (segment.marker >= 0xe0 && segment.marker <= 0xef) || segment.marker == 0xfe;
            if (!metadata || (components() == 4 && isAdobe(segment))) {
                out.write(file, segment.start, segment.end - segment.start);
            }
        }
        return out.toByteArray();
    }

    /** The EXIF block, or null where there is none. */
    static byte @Nullable [] exif(byte[] file) {
        for (Segment segment : segments(file, false)) {
            if (segment.marker == 0xe1) {
                byte[] block = Arrays.copyOfRange(file, segment.start + 4, segment.end);
                if (Exif.startsWithPrefix(block)) {
                    return block;
                }
            }
        }
        return null;
    }

    /** Whether three components are red, green and blue and not YCbCr. */
    boolean isRgb() {
        if (components() != 3 || segments.stream().anyMatch(this::isJfif)) {
            return false;
        }
        int transform = adobeTransform();
        return transform == 0
                || (transform < 0 && componentId(0) == 'R' && componentId(1) == 'G' && componentId(2) == 'B');
    }

    private int componentId(int component) {
        return file[frame.start + 10 + 3 * component] & 0xff;
    }

    /** The transform of Adobe's marker, or -1 where there is none. */
    private int adobeTransform() {
        return segments.stream()
                .filter(this::isAdobe)
                .mapToInt(segment -> file[segment.start + 15] & 0xff)
                .findFirst()
                .orElse(-1);
    }

    private boolean isJfif(Segment segment) {
        return segment.marker == 0xe0 && text(segment, 5).equals("JFIF\0");
    }

    private boolean isAdobe(Segment segment) {
        return segment.marker == ADOBE
                && segment.end - segment.start >= 16
                && text(segment, 5).equals("Adobe");
    }

    private String text(Segment segment, int length) {
        int start = segment.start + 4;
        return new String(file, start, Math.max(0, Math.min(length, segment.end - start)), StandardCharsets.ISO_8859_1);
    }

    private static boolean isFrame(int marker) {
        return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    }

    private static List<Segment> segments(byte[] file, boolean withScans) {
        List<Segment> segments = new ArrayList<>();
        int position = 2;
        while (position + 1 < file.length) {
            int marker = file[position + 1] & 0xff;
            if ((file[position] & 0xff) != 0xff || marker == 0xff || marker == 0) {
                position++; // fill bytes, and the stray bytes that readers skip
                continue;
            }
            if (marker == END || (marker == START_OF_SCAN && !withScans)) {
                segments.add(new Segment(marker, position, position + 2));
                return segments;
            }
            if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
                position += 2;
                continue;
            }
            if (position + 4 > file.length) {
                break;
            }
            int end = position + 2 + (((file[position + 2] & 0xff) << 8) | (file[position + 3] & 0xff));
            if (end < position + 4) {
                throw new RejectedImageException(RejectionReason.CORRUPT, "a segment of the JPEG has no length");
            }
            if (marker == START_OF_SCAN) {
                end = endOfScan(file, end);
            }
            if (end > file.length) {
                break;
            }
            segments.add(new Segment(marker, position, end));
            position = end;
        }
        throw new RejectedImageException(RejectionReason.TRUNCATED, "the JPEG has no end marker");
    }

    private static int endOfScan(byte[] file, int from) {
        int position = nextMarkerByte(file, from, file.length);
        while (position + 1 < file.length) {
            int next = file[position + 1] & 0xff;
            if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
                return position;
            }
            position = nextMarkerByte(file, position + 1, file.length);
        }
        throw new RejectedImageException(RejectionReason.TRUNCATED, "the JPEG ends within its pixels");
    }

    /** Where the next 0xff is, or {@code end}. Looks at eight bytes together. */
    static int nextMarkerByte(byte[] file, int from, int end) {
        int position = from;
        while (position + Long.BYTES <= end) {
            long inverted = ~(long) LONG.get(file, position);
            if (((inverted - 0x0101010101010101L) & ~inverted & 0x8080808080808080L) != 0) {
                break;
            }
            position += Long.BYTES;
        }
        while (position < end && file[position] != (byte) 0xff) {
            position++;
        }
        return position;
    }

    private static RejectedImageException unsupported(String detail) {
        return new RejectedImageException(RejectionReason.UNSUPPORTED_FORMAT, detail);
    }
}
