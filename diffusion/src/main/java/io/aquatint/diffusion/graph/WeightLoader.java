package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.TensorData;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumMap;
import java.util.Map;

/**
 * Brings tensors from files to a device: piece by piece through one buffer outside the heap, and converted on the device. What
 * is taken besides the arrays themselves is that buffer, whatever the size of the model.
 */
final class WeightLoader implements AutoCloseable {
    /** A multiple of every element's size. */
    static final int PIECE_BYTES = 4 << 20;

    private final NDManager scope;
    private final ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES).order(ByteOrder.nativeOrder());
    private final Map<DType, CompiledGraph> fills = new EnumMap<>(DType.class);
    private final CompiledGraph allocate;
    private final CompiledGraph channelsLast;
    private final Weights none;

    WeightLoader(NDManager parent, Precision precision) {
        this.scope = parent.newSubManager();
        Graph graph = new Graph();
        Value element = graph.op("torch.empty_like(%s, dtype=%s)", graph.input("one"), precision.scalarType());
        graph.returns(graph.op("torch.expand_as(%s, %s)", element, graph.input("like")));
        this.allocate = CompiledGraph.compile(scope, graph);
        this.channelsLast = CompiledGraph.compile(scope, channelsLast());
        this.none = Weights.none(scope);
    }

    private static Graph channelsLast() {
        Graph graph = new Graph();
        graph.returns(graph.op("torch.contiguous(%s, memory_format=2)", graph.input("array")));
        return graph;
    }

    /**
     * One element seen as many, and copied: what is made by the graph is of PyTorch's inference mode, past which no gradient could
     * flow, and the copy alone is as large as the tensor. Others, though freed at once, would leave holes of that size in the
     * process's memory.
     */
    private PtNDArray allocated(NDManager owner, Shape shape) {
        try (NDManager step = scope.newSubManager()) {
            NDArray one = step.create(0f);
            PtNDArray wide = (PtNDArray)
                    allocate.run(step, none, one, one.broadcast(shape)).get(0);
            PtNDArray array = JniUtils.clone(wide);
            array.attach(owner);
            return array;
        }
    }

    /** @param owner owns the array, which has the shape of the tensor and this loader's precision */
    PtNDArray load(NDManager owner, String name, TensorData tensor) {
        PtNDArray array = allocated(owner, new Shape(tensor.info().dimensions()));
        try {
            CompiledGraph fill = fills.computeIfAbsent(tensor.info().dtype(), this::compileFill);
            ByteBuffer bytes = tensor.bytes();
            for (int at = 0; at < bytes.limit(); at += PIECE_BYTES) {
                int size = Math.min(PIECE_BYTES, bytes.limit() - at);
                piece.clear().put(0, bytes, at, size).limit(size);
                try (NDManager step = scope.newSubManager()) {
                    NDArray stored = step.create(piece, new Shape(size), DataType.UINT8);
                    NDArray begin =
                            step.create((long) at / tensor.info().dtype().bytes());
                    fill.run(step, none, array, stored, begin);
                }
            }
            return arranged(array);
        } catch (InternalError e) { // what the virtual machine throws where a mapped file has become shorter
            array.close();
            throw new CheckpointException(
                    "the file of " + name + " became shorter while it was read; it must stay as it is", e);
        } catch (RuntimeException e) {
            array.close();
            throw e;
        }
    }

    /** A GPU's convolutions take their kernels channels last; in the order of the file each call would rearrange them. */
    private PtNDArray arranged(PtNDArray array) {
        if (!array.getDevice().isGpu() || array.getShape().dimension() != 4) {
            return array;
        }
        try (array; // as it was in the file
                PtNDArray last =
                        (PtNDArray) channelsLast.run(scope, none, array).get(0)) {
            PtNDArray copy = JniUtils.clone(last); // not of the inference mode either
            copy.attach(array.getManager());
            return copy;
        }
    }

    /** Writes a piece of stored bytes, [n] of uint8, over the elements of an array from {@code begin} on. */
    private CompiledGraph compileFill(DType dtype) {
        Graph graph = new Graph();
        Value array = graph.input("array");
        Value stored = graph.input("stored");
        Value begin = graph.input("begin");
        Value elements = graph.op("torch.view_copy(%s, dtype=%s)", stored, scalarType(dtype));
        Value flat = graph.op("torch.view(%s, [-1])", array);
        Value target = graph.op("torch.narrow(%s, 0, int(%s), torch.size(%s, 0))", flat, begin, elements);
        graph.op("torch.copy_(%s, %s)", target, elements);
        graph.returns();
        return CompiledGraph.compile(scope, graph);
    }

    /** PyTorch's number of a stored element type. */
    private static int scalarType(DType dtype) {
        return switch (dtype) {
            case U8 -> 0;
            case I8 -> 1;
            case I16 -> 2;
            case I32 -> 3;
            case I64 -> 4;
            case F16 -> 5;
            case F32 -> 6;
            case F64 -> 7;
            case BOOL -> 11;
            case BF16 -> 15;
        };
    }

    @Override
    public void close() {
        scope.close();
    }
}
