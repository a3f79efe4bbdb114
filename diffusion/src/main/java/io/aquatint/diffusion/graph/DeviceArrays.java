package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import java.nio.ByteBuffer;

/** Parts of flat arrays, between a device and the host: float32 and uint8. */
public final class DeviceArrays {
    private DeviceArrays() {}

    /**
     * Numbers in memory of the engine's own. DJL's create leaves them in Java's on a CPU, where they may begin at any multiple of 16
     * bytes: matrix products then add in another order, and two runs of the same training differ in the last bits.
     */
    public static NDArray create(NDManager owner, float[] numbers, Shape shape) {
        NDArray array = owner.create(numbers, shape);
        if (array.getDevice().isGpu()) {
            return array;
        }
        try (array) {
            return array.duplicate();
        }
    }

    /** The elements from {@code begin} on, as a tensor of one dimension. */
    public static TensorData read(NDArray flat, long begin, long count) {
        try (NDManager scope = flat.getManager().newSubManager()) {
            NDArray part = flat.get(new NDIndex("{}:{}", begin, begin + count));
            part.attach(scope);
            ByteBuffer bytes = part.toByteBuffer();
            return new TensorData(TensorInfo.of(type(flat), count), bytes);
        }
    }

    /** Overwrites the elements from {@code begin} on, whatever the shape of the values. */
    public static void write(NDArray flat, long begin, TensorData values) {
        try (NDManager scope = flat.getManager().newSubManager()) {
            long count = values.info().elements();
            NDArray part = type(flat) == DType.U8
                    ? scope.create(values.bytes(), new Shape(count), DataType.UINT8)
                    : Weights.toDevice(scope, values).reshape(count);
            part.attach(scope);
            flat.set(new NDIndex("{}:{}", begin, begin + count), part);
        }
    }

    private static DType type(NDArray array) {
        return switch (array.getDataType()) {
            case FLOAT32 -> DType.F32;
            case UINT8 -> DType.U8;
            default -> throw new IllegalArgumentException("an array of " + array.getDataType());
        };
    }
}
