package io.aquatint.diffusion.checkpoint;

import java.util.Arrays;
import java.util.Optional;

/** Element types of safetensors files, in the reference library's order: a file holds the later ones first. */
public enum DType {
    BOOL(1),
    U8(1),
    I8(1),
    I16(2),
    F16(2),
    BF16(2),
    I32(4),
    F32(4),
    F64(8),
    I64(8);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    static Optional<DType> named(String name) {
        return Arrays.stream(values())
                .filter(dtype -> dtype.name().equals(name))
                .findFirst();
    }

    /** Whether its elements are floating point numbers. */
    public boolean isFloatingPoint() {
        return this == F16 || this == BF16 || this == F32 || this == F64;
    }

    /** As PyTorch calls it, where it is of floating point numbers. */
    String title() {
        return switch (this) {
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            case F32 -> "float32";
            case F64 -> "float64";
            default -> name();
        };
    }

    /** The size of one element. */
    public int bytes() {
        return bytes;
    }
}
