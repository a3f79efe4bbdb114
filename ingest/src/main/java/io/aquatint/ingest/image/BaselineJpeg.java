package io.aquatint.ingest.image;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The headers of a JPEG as cameras write it: sequential, one scan with all of its components, grey or of three colours, the
 * second and third of which have all samples or every other one.
 *
 * @param restartInterval in units; 0 for none
 * @param dataStart where the scan's data begins in the file
 * @param dataEnd where it ends
 */
record BaselineJpeg(
        int width, int height, List<Component> components, int restartInterval, int dataStart, int dataEnd) {

    /**
     * One colour.
     *
     * @param horizontal how many blocks of it lie side by side in a unit
     * @param vertical how many lie on each other
     * @param quantisation what each coefficient is multiplied by, in the order of the file
     */
    record Component(int horizontal, int vertical, int[] quantisation, HuffmanTable dc, HuffmanTable ac) {}

    /** The tables that hold when the scan begins. */
    private static final class Tables {
        final int[][] quantisation = new int[4][];
        final HuffmanTable[] dc = new HuffmanTable[4];
        final HuffmanTable[] ac = new HuffmanTable[4];
        int restartInterval;
    }

    /** Empty if the JPEG is of another kind, or its headers are not plainly right. */
    static Optional<BaselineJpeg> of(JpegFile file) {
        JpegFile.Segment frame = file.frame();
        List<JpegFile.Segment> scans = file.segments().stream()
                .filter(segment -> segment.marker() == JpegFile.START_OF_SCAN)
                .toList();
        if (frame.marker() > 0xc1 || file.components() > 3 || scans.size() != 1) {
            return Optional.empty();
        }
        Bytes bytes = new Bytes(file.bytes());
        try {
            Tables tables = tables(bytes, file.segments(), scans.get(0));
            return Optional.ofNullable(read(bytes, frame, scans.get(0), tables));
        } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static @Nullable BaselineJpeg read(
            Bytes bytes, JpegFile.Segment frame, JpegFile.Segment scan, Tables tables) {
        int count = bytes.one(frame.start() + 9);
        if (bytes.one(scan.start() + 4) != count) {
            return null;
        }
        List<Component> components = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int inFrame = frame.start() + 10 + 3 * i;
            int inScan = scan.start() + 5 + 2 * i;
            if (bytes.one(inFrame) != bytes.one(inScan)) {
                return null;
            }
            int sampling = count == 1 ? 0x11 : bytes.one(inFrame + 1);
            int[] quantisation = tables.quantisation[bytes.one(inFrame + 2)];
            HuffmanTable dc = tables.dc[bytes.one(inScan + 1) >> 4];
            HuffmanTable ac = tables.ac[bytes.one(inScan + 1) & 15];
            if (quantisation == null || dc == null || ac == null) {
                return null;
            }
            components.add(new Component(sampling >> 4, sampling & 15, quantisation, dc, ac));
        }
        if (!isUsual(components)) {
            return null;
        }
        return new BaselineJpeg(
                bytes.two(frame.start() + 7),
                bytes.two(frame.start() + 5),
                List.copyOf(components),
                tables.restartInterval,
                scan.start() + 2 + bytes.two(scan.start() + 2),
                scan.end());
    }

    /** Colours at full resolution, at half the width, or at half the width and height. */
    private static boolean isUsual(List<Component> components) {
        Component luma = components.get(0);
        boolean usual = luma.horizontal == 1
                ? luma.vertical == 1
                : luma.horizontal == 2 && (luma.vertical == 1 || luma.vertical == 2);
        return usual && components.stream().skip(1).allMatch(colour -> colour.horizontal == 1 && colour.vertical == 1);
    }

    private static Tables tables(Bytes bytes, List<JpegFile.Segment> segments, JpegFile.Segment scan) {
        Tables tables = new Tables();
        for (JpegFile.Segment segment : segments) {
            if (segment.start() >= scan.start()) {
                break;
            }
            int start = segment.start() + 4;
            switch (segment.marker()) {
                case 0xc4 -> huffman(bytes, start, segment.end(), tables);
                case 0xdb -> quantisation(bytes, start, segment.end(), tables);
                case 0xdd -> tables.restartInterval = bytes.two(start);
                default -> {}
            }
        }
        return tables;
    }

    private static void huffman(Bytes bytes, int start, int end, Tables tables) {
        int at = start;
        while (at < end) {
            int head = bytes.one(at++);
            int[] counts = new int[16];
            for (int i = 0; i < counts.length; i++) {
                counts[i] = bytes.one(at++);
            }
            int symbols = Arrays.stream(counts).sum();
            boolean runs = head >> 4 == 1;
            HuffmanTable table = new HuffmanTable(counts, bytes.range(at, at + symbols), runs);
            (runs ? tables.ac : tables.dc)[head & 15] = table;
            at += symbols;
        }
    }

    private static void quantisation(Bytes bytes, int start, int end, Tables tables) {
        int at = start;
        while (at < end) {
            int head = bytes.one(at++);
            int[] table = new int[BlockRow.LAST_INDEX + 1];
            for (int i = 0; i < BlockRow.COEFFICIENTS; i++) {
                table[i] = head >> 4 == 0 ? bytes.one(at++) : bytes.two(at);
                at += head >> 4 == 0 ? 0 : 2;
            }
            tables.quantisation[head & 15] = table;
        }
    }

    /** Numbers in a file, highest byte first. */
    private record Bytes(byte[] file) {
        int one(int at) {
            return file[at] & 0xff;
        }

        int two(int at) {
            return one(at) << 8 | one(at + 1);
        }

        byte[] range(int from, int to) {
            if (to > file.length) {
                throw new IndexOutOfBoundsException(to);
            }
            return Arrays.copyOfRange(file, from, to);
        }
    }
}
