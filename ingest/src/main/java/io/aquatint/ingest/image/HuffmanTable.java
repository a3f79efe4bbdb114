package io.aquatint.ingest.image;

import java.util.Arrays;

/**
 * A Huffman table of a JPEG (ITU-T T.81, annex C), laid out so that one look-up of the next ten bits mostly gives a whole
 * coefficient: its code, how many zeros stand before it, and its value.
 */
final class HuffmanTable {
    /** How many bits are looked at together. */
    static final int PEEK = 10;

    private static final int LONGEST_CODE = 16;
    private static final int END_OF_BLOCK = 64;

    /** The meaning of each {@link #PEEK} bits, see {@link #entry}; 0 where a code or its value is longer. */
    private final int[] entries = new int[1 << PEEK];

    /** Of the same bits: the symbol in the upper bits, the length of its code in the lowest 8; 0 where the code is longer. */
    private final int[] codes = new int[1 << PEEK];

    /** For each length: the first code that is longer, as {@link #LONGEST_CODE} bits. */
    private final int[] ends = new int[LONGEST_CODE + 1];

    /** For each length: what is added to a code to find its symbol. */
    private final int[] offsets = new int[LONGEST_CODE + 1];

    private final byte[] symbols;
    private final boolean runs;

    /**
     * @param counts how many codes there are of 1 to 16 bits
     * @param symbols the codes' meanings in their order
     * @param runs whether a symbol's high half counts zeros, as those of AC coefficients do
     * @throws IllegalArgumentException if there are more codes than bits can tell apart, or a DC coefficient of more than 15 bits
     */
    HuffmanTable(int[] counts, byte[] symbols, boolean runs) {
        this.symbols = symbols;
        this.runs = runs;
        int code = 0;
        int symbol = 0;
        for (int length = 1; length <= LONGEST_CODE; length++) {
            offsets[length] = symbol - code;
            for (int i = 0; i < counts[length - 1]; i++) {
                if (!runs && (symbols[symbol] & 0xf0) != 0) {
                    throw new IllegalArgumentException("a DC coefficient of more than 15 bits");
                }
                if (length <= PEEK) {
                    fill(code, length, symbols[symbol] & 0xff);
                }
                code++;
                symbol++;
            }
            if (code > 1 << length) {
                throw new IllegalArgumentException("too many codes of " + length + " bits");
            }
            ends[length] = code << (LONGEST_CODE - length);
            code <<= 1;
        }
    }

    private void fill(int code, int length, int symbol) {
        int size = symbol & 15;
        int free = PEEK - length;
        Arrays.fill(codes, code << free, (code + 1) << free, symbol << 8 | length);
        if (size > free) {
            return;
        }
        for (int rest = 0; rest < 1 << free; rest++) {
            entries[(code << free) + rest] = entry(symbol, length, rest >> (free - size));
        }
    }

    /** The value in the upper 16 bits, then how many coefficients are zero before it, then how many bits all that took. */
    private int entry(int symbol, int length, int bits) {
        int size = symbol & 15;
        int value = size == 0 || bits >> (size - 1) != 0 ? bits : bits - (1 << size) + 1;
        int zeros = runs && size == 0 && symbol != 0xf0 ? END_OF_BLOCK : symbol >> 4;
        return value << 16 | zeros << 8 | (length + size);
    }

    /**
     * What the next bits mean: the value in the upper 16 bits, in the next 8 how many coefficients are zero before it (64 at the
     * end of the block), in the lowest 8 how many bits were used; 0 where the bits are no code.
     *
     * @param bits at least 32 valid ones from the highest down
     */
    int next(long bits) {
        int entry = entries[(int) (bits >>> (Long.SIZE - PEEK))];
        return entry != 0 ? entry : longer(bits);
    }

    private int longer(long bits) {
        int known = codes[(int) (bits >>> (Long.SIZE - PEEK))];
        int length = known & 0xff;
        int symbol = known >> 8;
        if (known == 0) {
            int code = (int) (bits >>> (Long.SIZE - LONGEST_CODE));
            length = PEEK + 1;
            while (length <= LONGEST_CODE && code >= ends[length]) {
                length++;
            }
            if (length > LONGEST_CODE) {
                return 0;
            }
            symbol = symbols[(code >> (LONGEST_CODE - length)) + offsets[length]] & 0xff;
        }
        int size = symbol & 15;
        return entry(symbol, length, size == 0 ? 0 : (int) (bits << length >>> (Long.SIZE - size)));
    }
}
