package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Brings tensors from one floating point type to another. */
final class Rounding {
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
        for (int i = 0; i < size; i++) {
            double value = tensor.number(i);
            float single = (float) value;
            boolean fits =
                    switch (dtype) {
                        case F64 -> {
                            bytes.putDouble(value);
                            yield true;
                        }
                        case F32 -> {
                            bytes.putFloat(single);
                            yield Float.isFinite(single);
                        }
                        case F16 -> {
                            short half = Half.fromFloat(single);
                            bytes.putShort(half);
                            yield (half & 0x7c00) != 0x7c00;
                        }
                        case BF16 -> {
                            short upper = BFloat16.fromFloat(single);
                            bytes.putShort(upper);
                            yield (upper & 0x7f80) != 0x7f80;
                        }
                        default -> throw new IllegalArgumentException(dtype + " is no floating point type");
                    };
            if (!fits && Double.isFinite(value)) {
                throw new CheckpointException("%s has the value %s, which %s cannot hold: write %s"
                        .formatted(
                                name,
                                value,
                                dtype.title(),
                                dtype == DType.F16 ? "float32 or bfloat16" : "a wider type"));
            }
        }
        return new TensorData(new TensorInfo(dtype, tensor.info().shape()), bytes.flip());
    }
}
