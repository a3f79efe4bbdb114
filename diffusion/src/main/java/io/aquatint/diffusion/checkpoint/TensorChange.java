package io.aquatint.diffusion.checkpoint;

/** What becomes of the tensors of a source when they are read: {@link TensorSource#changed}. */
public interface TensorChange {
    /** The type and shape that a tensor will have. */
    TensorInfo info(String name, TensorInfo stored);

    /** Its elements. */
    TensorData data(String name, TensorData stored);

    /** Every floating point tensor in one type, rounded to nearest even; integers stay what they are. */
    static TensorChange to(DType dtype) {
        if (!dtype.isFloatingPoint()) {
            throw new IllegalArgumentException(dtype + " is no floating point type");
        }
        return new TensorChange() {
            @Override
            public TensorInfo info(String name, TensorInfo stored) {
                return stored.dtype().isFloatingPoint() ? new TensorInfo(dtype, stored.shape()) : stored;
            }

            @Override
            public TensorData data(String name, TensorData stored) {
                return stored.info().dtype().isFloatingPoint() ? Rounding.to(name, stored, dtype) : stored;
            }
        };
    }
}
