package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import java.util.Map;
import java.util.function.Function;

/** How an optimiser changes a flat tensor. */
interface OptimizerRule {
    /** What it remembers of each parameter before the first step. */
    Map<String, NDArray> initialState(NDManager owner, long size);

    /**
     * Writes the update.
     *
     * @param parameters float32, [size], changed in place
     * @param gradient float32, [size], clipped; may be used up
     * @param state the arrays of {@link #initialState} by their names, changed in place
     * @param step the number of this update, from 1, float32
     * @param rate the learning rate, float32
     * @param finite 1 if the gradient is finite; if 0 nothing may change
     * @return the parameters
     */
    Value write(
            Graph graph,
            Value parameters,
            Value gradient,
            Function<String, Value> state,
            Value step,
            Value rate,
            Value finite);
}
