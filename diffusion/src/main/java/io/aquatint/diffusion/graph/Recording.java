package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.CudaGraph.Pool;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Work that is done many times with inputs of the same shapes. A network is thousands of small operations, and a fast GPU does them
 * faster than a host can ask for them; so on such a device the second run is recorded as one CUDA graph, and all later ones replay
 * it. Everywhere else, and where recording fails, each run does the work as it is written.
 *
 * <p>Not for several threads at once.
 */
public final class Recording implements AutoCloseable {
    /** Further shapes are not recorded: each takes memory. */
    private static final int MOST_SHAPES = 16;

    private final NDManager manager;
    private final Work work;
    private final Optional<Pool> pool;
    private final Map<List<Shape>, Take> takes = new HashMap<>();
    private NDManager results;
    private boolean failed;

    /** What is to be done. */
    @FunctionalInterface
    public interface Work {
        /**
         * Does it. Arrays that stay the same from run to run are the work's own matter; it may change them in place. It may not ask
         * for numbers of an array, nor create arrays from numbers.
         *
         * @param outputs owns the outputs and all else that is made
         */
        NDList run(NDManager outputs, NDArray... inputs);
    }

    /** The recording for inputs of some shapes. */
    private static final class Take {
        private NDArray[] inputs = new NDArray[0];
        private NDList outputs = new NDList();
        private @Nullable CompiledGraph copy;
        private @Nullable CudaGraph graph;
    }

    public Recording(NDManager parent, Work work) {
        this.manager = parent.newSubManager();
        this.work = work;
        this.pool = Pool.on(manager.getDevice());
        this.results = manager.newSubManager();
    }

    /**
     * Does the work.
     *
     * @param inputs on the work's device; they stay the caller's
     * @return the outputs, which are this object's and hold until the next run
     */
    public NDList run(NDArray... inputs) {
        if (pool.isEmpty() || failed) {
            return runAsWritten(inputs);
        }
        List<Shape> shapes = Arrays.stream(inputs).map(NDArray::getShape).toList();
        Take take = takes.get(shapes);
        if (take == null) {
            if (takes.size() < MOST_SHAPES) {
                takes.put(shapes, new Take()); // the next one is recorded: what is set up by a first run cannot be
            }
            return runAsWritten(inputs);
        }
        if (take.graph == null && !record(take, pool.get(), inputs)) {
            failed = true;
            return runAsWritten(inputs);
        }
        return replay(take, inputs);
    }

    /** Whether so many shapes were recorded that inputs of half as many others may find no place. */
    public boolean crowded() {
        return takes.size() > MOST_SHAPES / 2;
    }

    private NDList runAsWritten(NDArray... inputs) {
        freeOutputs();
        return work.run(results, inputs);
    }

    /** Frees the outputs of the last run, unless they belong to what was recorded. */
    public void freeOutputs() {
        results.close();
        results = manager.newSubManager();
    }

    private boolean record(Take take, Pool shared, NDArray... inputs) {
        freeOutputs();
        take.inputs = new NDArray[inputs.length];
        for (int i = 0; i < inputs.length; i++) {
            take.inputs[i] = inputs[i].duplicate();
            take.inputs[i].attach(manager);
        }
        CompiledGraph copy = CompiledGraph.compile(manager, copies(inputs.length));
        take.copy = copy;
        Optional<CudaGraph> graph = CudaGraph.record(
                manager.getDevice(), shared, () -> take.outputs = work.run(manager.newSubManager(), take.inputs));
        take.graph = graph.orElse(null);
        return graph.isPresent();
    }

    /** Overwrites the first half of the inputs with the second. */
    private static Graph copies(int count) {
        Graph graph = new Graph();
        Value[] targets = new Value[count];
        for (int i = 0; i < count; i++) {
            targets[i] = graph.input("target" + i);
        }
        for (Value target : targets) {
            graph.op("torch.copy_(%s, %s)", target, graph.input("source_of_" + target.name()));
        }
        graph.returns();
        return graph;
    }

    private NDList replay(Take take, NDArray... inputs) {
        CompiledGraph copy = take.copy;
        CudaGraph graph = take.graph;
        if (copy == null || graph == null) {
            throw new IllegalStateException("nothing was recorded");
        }
        NDArray[] both = Arrays.copyOf(take.inputs, 2 * inputs.length);
        System.arraycopy(inputs, 0, both, inputs.length, inputs.length);
        try (NDManager scope = manager.newSubManager();
                Weights none = Weights.none(scope)) {
            copy.run(scope, none, both);
        }
        graph.replay();
        return take.outputs;
    }

    @Override
    public void close() {
        manager.close();
        for (Take take : takes.values()) {
            if (take.graph != null) {
                take.graph.close();
            }
        }
        takes.clear();
    }
}
