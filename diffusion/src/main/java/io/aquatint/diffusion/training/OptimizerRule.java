package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** How an optimiser changes a flat tensor. */
interface OptimizerRule {
    /** A part of the flat parameters. */
    record Piece(Value values, long begin, long count) {}

    /** A piece of a gradient in float32, multiplied by a factor. */
    static Value slope(Graph graph, Value gradient, Value factor, long begin, long count) {
        Value part = graph.op("torch.narrow(%s, 0, %s, %s)", gradient, begin, count);
        return graph.mul(graph.toFloat32(part), factor);
    }

    /** What it remembers of each parameter, all zero: {@link #begin} has to follow. */
    Map<String, NDArray> zeroState(NDManager owner, long size);

    /** Makes of a state that is all zero what it is before the first step. */
    default void begin(Map<String, NDArray> zeros) {}

    /** Arrays that it reads and never changes, beside its state; made once, for a step that is recorded cannot make any. */
    default Map<String, NDArray> constants(NDManager owner) {
        return Map.of();
    }

    /**
     * Writes the update.
     *
     * @param parameters float32, [size], changed in place
     * @param gradient [size], of any floating-point type
     * @param factor what it is to be multiplied by
     * @param state the arrays of {@link #zeroState}, changed in place, and of {@link #constants}, by their names
     * @param step the number of this update, from 1, float32
     * @param rate the learning rate, float32
     * @param finite 1 if the gradient is finite; if 0 nothing may change
     * @return the parameters, in pieces; all of them have to be among the results, else TorchScript takes their update for dead code
     */
    List<Piece> write(
            Graph graph,
            Value parameters,
            Value gradient,
            Value factor,
            Function<String, Value> state,
            Value step,
            Value rate,
            Value finite);
}
