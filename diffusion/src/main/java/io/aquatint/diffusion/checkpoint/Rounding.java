package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Brings tensors from one floating point type to another. */
final class Rounding {
    private static final int PIECE = 1 << 16;

    private Rounding() {}

    /**
     * The same numbers in another type, rounded to nearest even.
     *
     * @throws CheckpointException if the type cannot hold one of them
     */
    static TensorData to(String name, TensorData tensor, DType dtype) {
        if (tensor.info().dtype() == dtype) {
            return tensor;
        }
        int size = tensor.size();
        ByteBuffer bytes =
                ByteBuffer.allocate(Math.multiplyExact(size, dtype.bytes())).order(ByteOrder.LITTLE_ENDIAN);
        float[] piece = new float[Math.min(size, PIECE)];
        for (int begin = 0; begin < size; begin += PIECE) {
            int count = Math.min(PIECE, size - begin);
            tensor.copy(begin, piece, count);
            for (int i = 0; i < count; i++) {
                if (!put(bytes, piece[i], dtype)) {
                    refuseFinite(name, tensor.number(begin + i), dtype);
                }
            }
        }
        return new TensorData(new TensorInfo(dtype, tensor.info().shape()), bytes.flip());
    }

    /** False for what is no finite number in this type. */
    private static boolean put(ByteBuffer bytes, float value, DType dtype) {
        switch (dtype) {
            case F64 -> bytes.putDouble(value);
            case F32 -> bytes.putFloat(value);
            case F16 -> {
                short half = Half.fromFloat(value);
                bytes.putShort(half);
                return (half & 0x7c00) != 0x7c00;
            }
            case BF16 -> {
                short upper = BFloat16.fromFloat(value);
                bytes.putShort(upper);
                return (upper & 0x7f80) != 0x7f80;
            }
            default -> throw new IllegalArgumentException(dtype + " is no floating point type");
        }
        return Float.isFinite(value);
    }

    private static void refuseFinite(String name, double value, DType dtype) {
        if (Double.isFinite(value)) {
            throw new CheckpointException("%s has the value %s, which %s cannot hold: write %s"
                    .formatted(
                            name, value, dtype.title(), dtype == DType.F16 ? "float32 or bfloat16" : "a wider type"));
        }
    }
}
