package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.graph.Weights;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A network's weights, which can be let go to make room on the device, and are loaded again when they are next asked for. */
final class ResidentWeights {
    private final Supplier<Weights> loader;
    private @Nullable Weights weights;

    /** Loads them, so that a file that does not fit is found at once. */
    ResidentWeights(Supplier<Weights> loader) {
        this.loader = loader;
        this.weights = loader.get();
    }

    Weights get() {
        Weights known = weights;
        if (known == null) {
            known = loader.get();
            weights = known;
        }
        return known;
    }

    /** Nothing may use them any more. */
    void letGo() {
        if (weights != null) {
            weights.close();
            weights = null;
        }
    }
}
