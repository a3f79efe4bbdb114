package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.graph.Precision;
import java.nio.file.Path;

/** A drawing that came out as NaN or infinity, which no picture can show. The message names the model and says what to do. */
public final class PictureNotFiniteException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param precision what it was computed in */
    public PictureNotFiniteException(Path model, long seed, Precision precision) {
        super("%s: the picture of seed %d came out as NaN or infinity; %s".formatted(model, seed, advice(precision)));
    }

    private static String advice(Precision precision) {
        String weights =
                "the model's weights, or those of what is laid over it, hold NaN or infinity: get the files again, or take an earlier checkpoint";
        return precision == Precision.FP16
                ? "compute in bf16 or fp32, for fp16 may be too narrow for it; if that does not help, " + weights
                : weights;
    }
}
