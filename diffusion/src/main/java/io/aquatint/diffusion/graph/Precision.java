package io.aquatint.diffusion.graph;

import java.util.Arrays;
import java.util.Optional;

/** What a network computes in. Named as diffusers' scripts name their {@code --mixed_precision}. */
public enum Precision {
    FP32("no", 6),
    FP16("fp16", 5),
    BF16("bf16", 15);

    private final String flag;
    private final int scalarType;

    Precision(String flag, int scalarType) {
        this.flag = flag;
        this.scalarType = scalarType;
    }

    /** The name on a command line: {@code no}, {@code fp16} or {@code bf16}. */
    public String flag() {
        return flag;
    }

    /** PyTorch's number of the element type, which TorchScript takes in place of {@code torch.float16} and the like. */
    public int scalarType() {
        return scalarType;
    }

    public static Optional<Precision> named(String flag) {
        return Arrays.stream(values())
                .filter(precision -> precision.flag.equals(flag))
                .findFirst();
    }
}
