package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The chunks of a WebP (RFC 9649). */
final class WebPFile {
    private static final int HEADER = 12;
    private static final int FRAME_HEADER = 16;

    /** A chunk: its name, and where its data begins and ends. */
    private record Chunk(String name, int start, int end) {}

    /** The first frame of an animation: a WebP of its own, and where it lies on the canvas. */
    record Frame(byte[] file, int left, int top, int canvasWidth, int canvasHeight) {}

    private WebPFile() {}

    /**
     * The first frame, or null where the file is no animation.
     *
     * @throws RejectedImageException if the file ends early
     */
    static @Nullable Frame firstFrame(byte[] file) {
        List<Chunk> chunks = chunks(file, HEADER, file.length);
        Chunk frame = find(chunks, "ANMF");
        Chunk extended = find(chunks, "VP8X");
        if (frame == null || extended == null || extended.end - extended.start < 10) {
            return null;
        }
        if (frame.end - frame.start < FRAME_HEADER) {
            throw new RejectedImageException(RejectionReason.CORRUPT, "the WebP's first frame has no header");
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        boolean alpha = false;
        for (Chunk chunk : chunks(file, frame.start + FRAME_HEADER, frame.end)) {
            if (chunk.name.equals("ALPH") || chunk.name.equals("VP8 ") || chunk.name.equals("VP8L")) {
                alpha |= chunk.name.equals("ALPH");
                writeChunk(body, chunk.name, Arrays.copyOfRange(file, chunk.start, chunk.end));
            }
        }
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        content.writeBytes("WEBP".getBytes(StandardCharsets.ISO_8859_1));
        if (alpha) {
            byte[] features = new byte[10];
            features[0] = 0x10;
            System.arraycopy(file, frame.start + 6, features, 4, 6);
            writeChunk(content, "VP8X", features);
        }
        content.writeBytes(body.toByteArray());
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        writeChunk(whole, "RIFF", content.toByteArray());
        return new Frame(
                whole.toByteArray(),
                2 * threeBytes(file, frame.start),
                2 * threeBytes(file, frame.start + 3),
                1 + threeBytes(file, extended.start + 4),
                1 + threeBytes(file, extended.start + 7));
    }

    /** The EXIF block, or null where there is none. */
    static byte @Nullable [] exif(byte[] file) {
        Chunk exif = find(chunks(file, HEADER, file.length), "EXIF");
        return exif == null ? null : Arrays.copyOfRange(file, exif.start, exif.end);
    }

    private static @Nullable Chunk find(List<Chunk> chunks, String name) {
        return chunks.stream()
                .filter(chunk -> chunk.name.equals(name))
                .findFirst()
                .orElse(null);
    }

    /** The whole chunks between two positions. */
    private static List<Chunk> chunks(byte[] file, int from, int to) {
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        List<Chunk> chunks = new ArrayList<>();
        long position = from;
        while (position + 8 <= to) {
            int start = (int) position + 8;
            long length = bytes.getInt(start - 4) & 0xffffffffL;
            if (start + length > to) {
                break;
            }
            chunks.add(new Chunk(
                    new String(file, start - 8, 4, StandardCharsets.ISO_8859_1), start, (int) (start + length)));
            position = start + length + (length & 1);
        }
        return chunks;
    }

    private static void writeChunk(ByteArrayOutputStream out, String name, byte[] data) {
        ByteBuffer header = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        header.put(name.getBytes(StandardCharsets.ISO_8859_1)).putInt(data.length);
        out.writeBytes(header.array());
        out.writeBytes(data);
        if (data.length % 2 == 1) {
            out.write(0);
        }
    }

    private static int threeBytes(byte[] file, int position) {
        return (file[position] & 0xff) | ((file[position + 1] & 0xff) << 8) | ((file[position + 2] & 0xff) << 16);
    }
}
