package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.adapter.BakedAdapters;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;

/**
 * One network's weights with adapters and new words laid over them. In half precision too, what is added is added in float32, to
 * the weight as the file has it, and the sum rounded once: else a small adapter would vanish in the rounding.
 */
final class AdaptedWeights {
    private static final String TOKEN_TABLE = "text_model.embeddings.token_embedding.weight";

    private final NDManager manager;
    private final TensorSource source;
    private final Weights base;
    private final Map<String, List<Addition>> additions = new LinkedHashMap<>();
    private final List<float[]> newTokens = new ArrayList<>();

    private record Addition(LoraPair pair, double strength) {}

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
        lora.adapter().modules().forEach((module, pair) -> additions
                .computeIfAbsent(module + ".weight", name -> new ArrayList<>())
                .add(new Addition(pair, lora.weight())));
    }

    /** Rows after the last one of the token table, [vocabulary, size]. */
    void appendTokens(List<float[]> rows) {
        newTokens.addAll(rows);
    }

    /** The weights with all that was added. */
    Weights weights() {
        Map<String, NDArray> changed = new LinkedHashMap<>();
        try (NDManager scope = manager.newSubManager();
                Weights none = Weights.none(scope);
                CompiledGraph rounded = CompiledGraph.compile(scope, rounded())) {
            forEach(
                    scope,
                    (name, array) ->
                            changed.put(name, rounded.run(manager, none, array).get(0)));
        }
        return base.replacing(manager, changed);
    }

    /** The names of those that differ from the base. */
    Set<String> changed() {
        Set<String> names = new TreeSet<>(additions.keySet());
        if (!newTokens.isEmpty()) {
            names.add(TOKEN_TABLE);
        }
        return names;
    }

    /** Writes what differs over weights in which the same ones differ. */
    void overwrite(Weights others) {
        Graph copy = new Graph();
        copy.op("torch.copy_(%s, %s)", copy.input("target"), copy.input("array"));
        copy.returns();
        try (NDManager scope = manager.newSubManager();
                Weights none = Weights.none(scope);
                CompiledGraph rounded = CompiledGraph.compile(scope, copy)) {
            forEach(scope, (name, array) -> rounded.run(scope, none, others.get(name), array));
        }
    }

    private void forEach(NDManager scope, BiConsumer<String, NDArray> use) {
        additions.forEach((name, pairs) -> {
            try (NDManager step = scope.newSubManager()) {
                use.accept(name, sum(step, name, pairs));
            }
        });
        if (!newTokens.isEmpty()) {
            try (NDManager step = scope.newSubManager()) {
                NDArray table = original(step, TOKEN_TABLE).concat(rows(step));
                table.attach(step); // it came into the manager of the original
                use.accept(TOKEN_TABLE, table);
            }
        }
    }

    /** A copy, for an array that is in this precision already would be handed through, and closed with its scope. */
    private Graph rounded() {
        Graph graph = new Graph();
        Value array = graph.input("array");
        graph.returns(graph.op(
                "torch.to(%s, %s, False, True)", array, base.precision().scalarType()));
        return graph;
    }

    private NDArray sum(NDManager step, String name, List<Addition> pairs) {
        NDArray sum = original(step, name);
        for (Addition addition : pairs) {
            sum = BakedAdapters.added(step, sum, addition.pair(), addition.strength());
        }
        return sum;
    }

    private NDArray rows(NDManager step) {
        int size = newTokens.get(0).length;
        float[] flat = new float[newTokens.size() * size];
        for (int i = 0; i < newTokens.size(); i++) {
            System.arraycopy(newTokens.get(i), 0, flat, i * size, size);
        }
        return step.create(flat, new Shape(newTokens.size(), size));
    }

    private NDArray original(NDManager step, String name) {
        return base.precision() == Precision.FP32 ? base.get(name) : Weights.toDevice(step, source.read(name));
    }
}
