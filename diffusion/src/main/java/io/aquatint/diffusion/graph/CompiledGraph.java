package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;

/**
 * A {@link Graph} that can be run. Intermediate results die at their last use; only the outputs live on, in the manager that is
 * given. Not for several threads at once.
 */
public final class CompiledGraph implements AutoCloseable {
    private final PtNDManager manager;
    private final PtSymbolBlock module;
    private final List<String> weightNames;
    private final List<String> inputNames;
    private final Map<String, List<Long>> weightShapes;

    private CompiledGraph(PtNDManager manager, PtSymbolBlock module, Graph graph) {
        this.manager = manager;
        this.module = module;
        this.weightNames = graph.weightNames();
        this.inputNames = graph.inputNames();
        this.weightShapes = graph.weightShapes();
    }

    /** Compiles a graph on the manager's device. */
    public static CompiledGraph compile(NDManager parent, Graph graph) {
        return compile(parent, graph, graph.source());
    }

    /** @param source the graph's, or one that takes and returns the same */
    static CompiledGraph compile(NDManager parent, Graph graph, String source) {
        PtNDManager manager = (PtNDManager) parent.newSubManager();
        try {
            byte[] archive = TorchScriptArchive.write(source);
            PtSymbolBlock module = JniUtils.loadModule(manager, new ByteArrayInputStream(archive), false, false);
            return new CompiledGraph(manager, module, graph);
        } catch (IOException e) {
            manager.close();
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    public List<String> weightNames() {
        return weightNames;
    }

    /** The shape that each weight must have in the checkpoint. */
    public Map<String, List<Long>> weightShapes() {
        return weightShapes;
    }

    /**
     * Computes the outputs.
     *
     * @param outputs owns the outputs
     * @param weights holds at least the weights that the graph names
     * @param inputs in the order of the graph's inputs
     */
    public NDList run(NDManager outputs, Weights weights, NDArray... inputs) {
        checkInputs(inputs);
        asWritten();
        int first = weightNames.isEmpty() ? 0 : 1;
        IValue[] arguments = new IValue[first + inputs.length];
        IValue result = null;
        try {
            if (first == 1) {
                arguments[0] = IValue.listFrom(weights.arrays(weightNames));
            }
            for (int i = 0; i < inputs.length; i++) {
                arguments[first + i] = IValue.from((PtNDArray) inputs[i]);
            }
            result = IValueUtils.runMethod(module, "forward", arguments);
            return new NDList(result.toTensorArray((PtNDManager) outputs));
        } finally {
            if (result != null) {
                result.close();
            }
            for (IValue argument : arguments) {
                if (argument != null) {
                    argument.close();
                }
            }
        }
    }

    /**
     * Computes the outputs of a graph that differentiates, as {@link Parameters} lets it.
     *
     * @param outputs owns the outputs
     */
    public NDList runWithGradients(NDManager outputs, Weights weights, NDArray... inputs) {
        checkInputs(inputs);
        NDList arguments = new NDList(weights.arrays(weightNames));
        arguments.addAll(List.of(inputs));
        boolean gradMode = JniUtils.isGradMode();
        JniUtils.setGradMode(true);
        asWritten();
        try {
            NDList results = IValueUtils.forward(module, arguments, true);
            results.attach(outputs);
            return results;
        } finally {
            JniUtils.setGradMode(gradMode);
        }
    }

    /**
     * Has this thread run graphs line by line. Profiled and optimised, the first runs would round otherwise than later ones, so
     * that no training could be resumed exactly; and each new shape would be compiled anew.
     */
    private static void asWritten() {
        JniUtils.setGraphExecutorOptimize(false);
    }

    private void checkInputs(NDArray... inputs) {
        if (inputs.length != inputNames.size()) {
            throw new IllegalArgumentException(
                    "the graph takes %s, but %d inputs were given".formatted(inputNames, inputs.length));
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
