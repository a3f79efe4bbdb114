package io.aquatint.diffusion.graph;

import java.util.Optional;

/** Adds something to linear layers while a graph is built, so that no network knows about adapters. */
@FunctionalInterface
public interface LinearRule {
    /** Changes nothing. */
    LinearRule NONE = (graph, module, input, output) -> Optional.empty();

    /**
     * Called for each linear layer.
     *
     * @param module the layer's full name in the checkpoint, without {@code .weight}
     * @param input what goes into the layer, [..., in]
     * @param output what the layer makes of it, [..., out]
     * @return what is to be used instead of the output
     */
    Optional<Value> apply(Graph graph, String module, Value input, Value output);
}
