package io.aquatint.diffusion.checkpoint;

import java.util.Arrays;

/**
 * The adapter of one layer: the layer's weight W becomes {@code W + alpha / rank * up · down} (Hu et al., LoRA, 2021).
 *
 * @param down row-major {@code [rank, in]}, for a convolution {@code [rank, in, height, width]}
 * @param up row-major {@code [out, rank]}, for a convolution {@code [out, rank, 1, 1]}
 * @param alpha the strength, in units of the rank
 */
@SuppressWarnings("ArrayRecordComponent")
public record LoraPair(float[] down, long[] downShape, float[] up, long[] upShape, double alpha) {

    public LoraPair {
        boolean ranks = downShape.length >= 2
                && Arrays.stream(downShape).allMatch(LoraPair::isSize)
                && Arrays.stream(upShape).allMatch(LoraPair::isSize)
                && upShape.length == downShape.length
                && downShape[0] == upShape[1]
                && Arrays.stream(upShape).skip(2).allMatch(size -> size == 1)
                && elements(downShape) == down.length
                && elements(upShape) == up.length;
        if (!ranks) {
            throw new IllegalArgumentException("the shapes of down and up do not belong together");
        }
        if (!Double.isFinite(alpha)) {
            throw new IllegalArgumentException("alpha is " + alpha);
        }
    }

    /** The adapter of a linear layer. */
    public static LoraPair linear(int rank, int in, int out, float[] down, float[] up, double alpha) {
        return new LoraPair(down, new long[] {rank, in}, up, new long[] {out, rank}, alpha);
    }

    private static boolean isSize(long size) {
        return size > 0 && size <= Integer.MAX_VALUE;
    }

    private static long elements(long[] shape) {
        return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    public int rank() {
        return (int) downShape[0];
    }

    public int in() {
        return (int) downShape[1];
    }

    public int out() {
        return (int) upShape[0];
    }

    public double scale() {
        return alpha / rank();
    }

    /** The elements of a row of {@code down}: of a convolution its channels times its height and width. */
    public int width() {
        return down.length / rank();
    }

    /** The same change to the weight with alpha equal to the rank, the scale multiplied into {@code up}. */
    public LoraPair folded() {
        if (alpha == rank()) {
            return this;
        }
        float[] scaled = new float[up.length];
        for (int i = 0; i < up.length; i++) {
            scaled[i] = (float) (up[i] * scale());
        }
        return new LoraPair(down, downShape, scaled, upShape, rank());
    }
}
