package io.aquatint.diffusion.checkpoint;

/** The upper half of IEEE 754 binary32. */
final class BFloat16 {
    private BFloat16() {}

    /** Rounds to nearest, ties to even; too large becomes infinite. */
    static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
