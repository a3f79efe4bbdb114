package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Clipping as {@code torch.nn.utils.clip_grad_norm_}, one AdamW update of a flat tensor in place, and the moving average of its
 * values where there is one. With a gradient that is not finite nothing is changed, and no host has to look at it before.
 */
final class OptimizerUpdate implements AutoCloseable {
    static final String AVERAGE = "ema";

    private final NDManager manager;
    private final OptimizerRule rule;
    private final CompiledGraph update;
    private final Weights none;
    private final Map<String, NDArray> state = new LinkedHashMap<>();
    private final Map<String, NDArray> constants;
    private final @Nullable Double averageDecay;

    /**
     * An update whose state {@link #reset} has to prepare.
     *
     * @param parameters float32, one dimension; it stays the caller's
     * @param averageDecay how slowly the moving average follows, below 1; none when null
     */
    OptimizerUpdate(NDManager parent, OptimizerConfig config, NDArray parameters, @Nullable Double averageDecay) {
        this.manager = parent.newSubManager();
        this.none = Weights.none(manager);
        this.averageDecay = averageDecay;
        this.rule = switch (config.kind()) {
            case ADAMW -> new AdamW(config, parameters.size());
            case ADAMW_8BIT -> new AdamW8Bit(config);
        };
        state.put("step", manager.zeros(new Shape(1)));
        state.putAll(rule.zeroState(manager, parameters.size()));
        this.constants = rule.constants(manager);
        if (averageDecay != null) {
            state.put(AVERAGE, manager.zeros(parameters.getShape()));
        }
        this.update = CompiledGraph.compile(manager, graph(config));
    }

    /**
     * Makes the state what it is before the first step.
     *
     * @param parameters as they are then
     * @param zero sets an array to zero
     */
    void reset(NDArray parameters, Consumer<NDArray> zero) {
        state.values().forEach(zero);
        rule.begin(state);
        NDArray average = state.get(AVERAGE);
        if (average != null) {
            average.set(new NDIndex(":"), parameters);
        }
    }

    private Graph graph(OptimizerConfig config) {
        Graph graph = new Graph();
        Value parameters = graph.input("parameters");
        Value gradient = graph.input("gradient");
        Value unscale = graph.input("unscale");
        Value rate = graph.input("rate");
        Value follow = graph.input("follow");
        Map<String, Value> states = new LinkedHashMap<>();
        state.keySet().forEach(name -> states.put(name, graph.input(name)));
        constants.keySet().forEach(name -> states.put(name, graph.input(name)));
        Value norm = graph.mul(graph.op("torch.linalg_vector_norm(%s, 2, None, False, dtype=6)", gradient), unscale);
        Value factor = unscale;
        if (Double.isFinite(config.maxGradientNorm())) {
            Value longest = graph.op("torch.full_like(%s, %s)", norm, config.maxGradientNorm());
            Value shorten = graph.op("torch.clamp(torch.div(%s, torch.add(%s, 1e-06)), None, 1.0)", longest, norm);
            factor = graph.mul(unscale, shorten);
        }
        Value finite = graph.toFloat32(graph.op("torch.isfinite(%s)", norm)); // 1 or 0
        Value step = graph.op("torch.add_(%s, %s)", named(states, "step"), finite);
        List<OptimizerRule.Piece> pieces =
                rule.write(graph, parameters, gradient, factor, name -> named(states, name), step, rate, finite);
        Value average = states.get(AVERAGE);
        List<Value> results = new ArrayList<>(List.of(norm));
        for (OptimizerRule.Piece piece : pieces) {
            results.add(piece.values());
            if (average != null) {
                Value part = graph.op("torch.narrow(%s, 0, %s, %s)", average, piece.begin(), piece.count());
                results.add(graph.op("torch.lerp_(%s, %s, %s)", part, piece.values(), graph.mul(follow, finite)));
            }
        }
        graph.returns(results.toArray(Value[]::new));
        return graph;
    }

    private static Value named(Map<String, Value> states, String name) {
        return Objects.requireNonNull(states.get(name), name);
    }

    /**
     * The numbers of one update, in the order in which {@link #apply} takes them.
     *
     * @param unscale what the gradient is to be multiplied by before all else
     * @param updatesBefore how many updates there were
     */
    NDArray[] numbers(NDManager scope, double unscale, double learningRate, long updatesBefore) {
        return new NDArray[] {
            scope.create((float) unscale),
            scope.create((float) learningRate),
            scope.create((float) (1 - averageDecay(updatesBefore)))
        };
    }

    /**
     * Updates the parameters.
     *
     * @param outputs owns the result
     * @param gradient [size], of any floating-point type
     * @return the gradient's norm before clipping
     */
    NDArray apply(NDManager outputs, NDArray parameters, NDArray gradient, NDArray... numbers) {
        List<NDArray> inputs = new ArrayList<>(List.of(parameters, gradient));
        inputs.addAll(List.of(numbers));
        inputs.addAll(state.values());
        inputs.addAll(constants.values());
        return update.run(outputs, none, inputs.toArray(NDArray[]::new)).get(0);
    }

    /** As diffusers' EMAModel without its warm-up: the first average is the first value. */
    private double averageDecay(long updatesBefore) {
        return averageDecay == null || updatesBefore == 0
                ? 0
                : Math.min(averageDecay, (1.0 + updatesBefore) / (10 + updatesBefore));
    }

    /** What it remembers from step to step, by name; the moving average, if any, is {@link #AVERAGE}. */
    Map<String, NDArray> state() {
        return Collections.unmodifiableMap(state);
    }

    @Override
    public void close() {
        manager.close();
    }
}
