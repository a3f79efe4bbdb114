package io.aquatint.ingest.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Reads the coefficients of a sequential scan of a JPEG (ITU-T T.81, annex F.2). */
final class EntropyReader {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    /** More than what the blocks of one unit can take, so that damaged data ends in zeros and not in an exception. */
    private static final int PADDING = 4096;

    private final byte[] data;

    /** Where the data of each restart interval ends. */
    private int[] ends = new int[16];

    private int intervals;
    private int interval;

    private int position;
    private long bits;
    private int available;

    /** Of the bytes from {@code start} to {@code end}, which are those of one scan without its header. */
    EntropyReader(byte[] file, int start, int end) {
        data = new byte[end - start + PADDING];
        int to = 0;
        int from = start;
        while (from < end) {
            int stop = JpegFile.nextMarkerByte(file, from, end);
            System.arraycopy(file, from, data, to, stop - from);
            to += stop - from;
            from = stop + 1;
            if (stop + 1 >= end) {
                break;
            }
            int next = file[stop + 1] & 0xff;
            if (next == 0) {
                data[to++] = (byte) 0xff;
                from++;
            } else if (next != 0xff) {
                endInterval(to);
                from++;
            }
        }
        endInterval(to);
    }

    private void endInterval(int end) {
        if (intervals == ends.length) {
            ends = Arrays.copyOf(ends, 2 * intervals);
        }
        ends[intervals++] = end;
    }

    /** How many runs of data there are between restart markers. */
    int intervals() {
        return intervals;
    }

    /** Goes on after the next restart marker. */
    void restart() {
        position = ends[interval++];
        bits = 0;
        available = 0;
    }

    /** Whether more was read than there is. */
    boolean isBeyondEnd() {
        return 8L * position - available > 8L * ends[interval];
    }

    /** Whether the data is about to end in any case, so that another unit must not be read. */
    boolean isFarBeyondEnd() {
        return position > ends[intervals - 1] + 16;
    }

    /**
     * Reads the coefficients of a block, multiplied by the quantisation; the DC coefficient as a difference.
     *
     * @param row where they go
     * @param block which of the row it is
     * @param quantisation in the order of the file
     * @return false where the bits are no code
     */
    boolean read(BlockRow row, int block, HuffmanTable dc, HuffmanTable ac, int[] quantisation) {
        int[] places = row.places();
        int[][] coefficients = row.coefficients();
        long buffer = bits;
        int count = available;
        int at = position;

        buffer |= (long) LONG.get(data, at) >>> count;
        at += (63 - count) >> 3;
        count |= 56;
        int entry = dc.next(buffer);
        if (entry == 0) {
            return false;
        }
        buffer <<= entry & 0xff;
        count -= entry & 0xff;
        coefficients[0][block] = entry >> 16;

        int index = 1;
        do {
            buffer |= (long) LONG.get(data, at) >>> count;
            at += (63 - count) >> 3;
            count |= 56;
            entry = ac.next(buffer);
            if (entry == 0) {
                return false;
            }
            buffer <<= entry & 0xff;
            count -= entry & 0xff;
            index += (entry >> 8) & 0xff;
            coefficients[places[index]][block] = (entry >> 16) * quantisation[index];
            index++;
        } while (index < BlockRow.COEFFICIENTS);

        bits = buffer;
        available = count;
        position = at;
        return true;
    }
}
