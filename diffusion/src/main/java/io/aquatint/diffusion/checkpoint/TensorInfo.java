package io.aquatint.diffusion.checkpoint;

import java.util.Arrays;
import java.util.List;

/** The type and shape of a tensor in a file. */
public record TensorInfo(DType dtype, List<Long> shape) {
    public TensorInfo {
        shape = List.copyOf(shape);
    }

    public static TensorInfo of(DType dtype, long... shape) {
        return new TensorInfo(dtype, Arrays.stream(shape).boxed().toList());
    }

    public long elements() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    public long[] dimensions() {
        return shape.stream().mapToLong(Long::longValue).toArray();
    }
}
