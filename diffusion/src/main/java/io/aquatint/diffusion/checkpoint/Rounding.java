package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Brings tensors from one floating point type to another, a piece at a time. */
final class Rounding {
    private static final int PIECE = 1 << 16;

    private final String name;
    private final TensorData tensor;
    private final DType dtype;
    private final ByteBuffer bytes;

    private Rounding(String name, TensorData tensor, DType dtype) {
        this.name = name;
        this.tensor = tensor;
        this.dtype = dtype;
        this.bytes = ByteBuffer.allocate(Math.multiplyExact(tensor.size(), dtype.bytes()))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * The same numbers in another type, rounded to nearest even.
     *
     * @throws CheckpointException if the type cannot hold one of them
     */
    static TensorData to(String name, TensorData tensor, DType dtype) {
        return tensor.info().dtype() == dtype ? tensor : new Rounding(name, tensor, dtype).rounded();
    }

    private TensorData rounded() {
        float[] piece = new float[Math.min(tensor.size(), PIECE)];
        for (int begin = 0; begin < tensor.size(); begin += PIECE) {
            int count = Math.min(PIECE, tensor.size() - begin);
            tensor.copy(begin, piece, count);
            ByteBuffer target =
                    bytes.slice(begin * dtype.bytes(), count * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
            switch (dtype) {
                case F16 -> target.asShortBuffer().put(halves(begin, piece, count));
                case BF16 -> target.asShortBuffer().put(upperHalves(begin, piece, count));
                case F32 -> target.asFloatBuffer().put(singles(begin, piece, count), 0, count);
                case F64 -> {
                    for (int i = 0; i < count; i++) {
                        target.putDouble(piece[i]);
                    }
                }
                default -> throw new IllegalArgumentException(dtype + " is no floating point type");
            }
        }
        return new TensorData(new TensorInfo(dtype, tensor.info().shape()), bytes);
    }

    private short[] halves(int begin, float[] values, int count) {
        short[] halves = new short[count];
        for (int i = 0; i < count; i++) {
            halves[i] = Half.fromFloat(values[i]);
            if ((halves[i] & 0x7c00) == 0x7c00) {
                refuseFinite(begin + i);
            }
        }
        return halves;
    }

    private short[] upperHalves(int begin, float[] values, int count) {
        short[] halves = new short[count];
        for (int i = 0; i < count; i++) {
            halves[i] = BFloat16.fromFloat(values[i]);
            if ((halves[i] & 0x7f80) == 0x7f80) {
                refuseFinite(begin + i);
            }
        }
        return halves;
    }

    private float[] singles(int begin, float[] values, int count) {
        for (int i = 0; i < count; i++) {
            if (!Float.isFinite(values[i])) {
                refuseFinite(begin + i);
            }
        }
        return values;
    }

    /** What is infinite or no number may stay so. */
    private void refuseFinite(int element) {
        double value = tensor.number(element);
        if (Double.isFinite(value)) {
            throw new CheckpointException("%s has the value %s, which %s cannot hold: write %s"
                    .formatted(
                            name, value, dtype.title(), dtype == DType.F16 ? "float32 or bfloat16" : "a wider type"));
        }
    }
}
