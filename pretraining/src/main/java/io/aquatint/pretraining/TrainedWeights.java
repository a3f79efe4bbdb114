package io.aquatint.pretraining;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Value;
import java.util.Optional;

/** Every weight of a network is a parameter of the training. */
record TrainedWeights(Parameters parameters) implements GraphRule {
    @Override
    public Optional<Value> weight(Graph graph, String name) {
        return Optional.of(parameters.get(graph, name));
    }
}
