package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A tensor's type, shape and elements, little endian. */
public record TensorData(TensorInfo info, ByteBuffer bytes) {

    public TensorData {
        bytes = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.remaining() != info.elements() * info.dtype().bytes()) {
            throw new IllegalArgumentException("%d bytes for a tensor of %s".formatted(bytes.remaining(), info));
        }
    }

    /** A float32 tensor. */
    public static TensorData of(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new TensorData(TensorInfo.of(DType.F32, shape), bytes);
    }

    /** A tensor of float16, rounded to nearest even. */
    public static TensorData halfOf(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < values.length; i++) {
            bytes.putShort(2 * i, Half.fromFloat(values[i]));
        }
        return new TensorData(TensorInfo.of(DType.F16, shape), bytes);
    }

    /** A tensor of a floating point type, rounded to nearest even. */
    public static TensorData of(DType dtype, float[] values, long... shape) {
        return switch (dtype) {
            case F32 -> of(values, shape);
            case F16 -> halfOf(values, shape);
            case BF16 -> {
                ByteBuffer bytes = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
                for (int i = 0; i < values.length; i++) {
                    bytes.putShort(2 * i, BFloat16.fromFloat(values[i]));
                }
                yield new TensorData(TensorInfo.of(DType.BF16, shape), bytes);
            }
            case F64 -> {
                ByteBuffer bytes = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
                for (int i = 0; i < values.length; i++) {
                    bytes.putDouble(8 * i, values[i]);
                }
                yield new TensorData(TensorInfo.of(DType.F64, shape), bytes);
            }
            default -> throw new IllegalArgumentException(dtype + " is no floating point type");
        };
    }

    public int size() {
        return Math.toIntExact(info.elements());
    }

    /** The elements as float32, whatever their type. */
    public float[] toFloats() {
        float[] floats = new float[size()];
        copy(0, floats, floats.length);
        return floats;
    }

    /** Copies {@code count} elements from {@code begin} on. */
    void copy(int begin, float[] into, int count) {
        switch (info.dtype()) {
            case F32 ->
                bytes.slice(4 * begin, 4 * count)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer()
                        .get(into, 0, count);
            case F16 -> {
                short[] halves = shorts(begin, count);
                for (int i = 0; i < count; i++) {
                    into[i] = Half.toFloat(halves[i]);
                }
            }
            case BF16 -> {
                short[] halves = shorts(begin, count);
                for (int i = 0; i < count; i++) {
                    into[i] = Float.intBitsToFloat(halves[i] << 16);
                }
            }
            default -> {
                for (int i = 0; i < count; i++) {
                    into[i] = (float) number(begin + i);
                }
            }
        }
    }

    private short[] shorts(int begin, int count) {
        short[] shorts = new short[count];
        bytes.slice(2 * begin, 2 * count)
                .order(ByteOrder.LITTLE_ENDIAN)
                .asShortBuffer()
                .get(shorts);
        return shorts;
    }

    /** One element, exactly but for integers beyond 2^53. */
    double number(int i) {
        return switch (info.dtype()) {
            case F32 -> bytes.getFloat(4 * i);
            case F16 -> Half.toFloat(bytes.getShort(2 * i));
            case BF16 -> Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
            case F64 -> bytes.getDouble(8 * i);
            case I64 -> bytes.getLong(8 * i);
            case I32 -> bytes.getInt(4 * i);
            case I16 -> bytes.getShort(2 * i);
            case U8 -> bytes.get(i) & 0xff;
            case I8, BOOL -> bytes.get(i);
        };
    }

    /** One row of a matrix, as float32. */
    public float[] row(int index) {
        int columns = Math.toIntExact(info.shape().get(1));
        int size = columns * info.dtype().bytes();
        return new TensorData(TensorInfo.of(info.dtype(), columns), bytes.slice(index * size, size)).toFloats();
    }

    /** The elements of an integer tensor. */
    public long[] toLongs() {
        long[] longs = new long[size()];
        for (int i = 0; i < longs.length; i++) {
            longs[i] = switch (info.dtype()) {
                case I64 -> bytes.getLong(8 * i);
                case I32 -> bytes.getInt(4 * i);
                case I16 -> bytes.getShort(2 * i);
                case U8 -> bytes.get(i) & 0xff;
                case I8, BOOL -> bytes.get(i);
                default -> throw new IllegalStateException("not an integer tensor: " + info);
            };
        }
        return longs;
    }
}
