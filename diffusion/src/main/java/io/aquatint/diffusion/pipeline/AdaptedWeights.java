package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Weights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One network's weights with adapters and new words laid over them. In half precision too, what is added is added in float32, to
 * the weight as the file has it, and the sum rounded once: else a small adapter would vanish in the rounding.
 */
final class AdaptedWeights {
    private static final String TOKEN_TABLE = "text_model.embeddings.token_embedding.weight";

    private final NDManager manager;
    private final TensorSource source;
    private final Weights base;
    private final Map<String, NDArray> changed = new LinkedHashMap<>(); // float32

    /**
     * @param manager owns what differs from the base
     * @param source where the base was loaded from
     */
    AdaptedWeights(NDManager manager, TensorSource source, Weights base) {
        this.manager = manager;
        this.source = source;
        this.base = base;
    }

    /**
     * W + weight * alpha / rank * up down.
     *
     * @throws io.aquatint.diffusion.checkpoint.LoraMismatchException if the adapter does not fit the network
     */
    void add(WeightedLora lora) {
        lora.adapter().verifyAgainst(source);
        lora.adapter().modules().forEach((module, pair) -> add(module + ".weight", pair, lora.weight()));
    }

    private void add(String name, LoraPair pair, double strength) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray down = scope.create(pair.down(), new Shape(pair.rank(), pair.down().length / pair.rank()));
            NDArray up = scope.create(pair.up(), new Shape(pair.up().length / pair.rank(), pair.rank()));
            NDArray weight = current(scope, name);
            NDArray change =
                    up.matMul(down).mul((float) (strength * pair.scale())).reshape(weight.getShape());
            replace(name, change.add(weight));
        }
    }

    /** Rows after the last one of the token table, [vocabulary, size]. */
    void appendTokens(List<float[]> rows) {
        try (NDManager scope = manager.newSubManager()) {
            float[] flat = new float[rows.size() * rows.get(0).length];
            for (int i = 0; i < rows.size(); i++) {
                System.arraycopy(rows.get(i), 0, flat, i * rows.get(i).length, rows.get(i).length);
            }
            NDArray table = current(scope, TOKEN_TABLE);
            replace(TOKEN_TABLE, table.concat(scope.create(flat, new Shape(rows.size(), rows.get(0).length))));
        }
    }

    private NDArray current(NDManager scope, String name) {
        NDArray known = changed.get(name);
        if (known != null) {
            return known;
        }
        return base.precision() == Precision.FP32 ? base.get(name) : Weights.toDevice(scope, source.read(name));
    }

    private void replace(String name, NDArray array) {
        array.attach(manager);
        NDArray previous = changed.put(name, array);
        if (previous != null) {
            previous.close();
        }
    }

    /** The weights with all that was added. */
    Weights weights() {
        return base.replacing(manager, changed);
    }
}
