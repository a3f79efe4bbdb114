package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The weights of a network on a device, all in one precision, by their names in the checkpoint. Owns their memory. Loading them
 * takes their size there and some megabytes outside the heap; the heap stays as it is.
 */
public final class Weights implements AutoCloseable {
    /** DJL passes arrays of a name that ends so as one list. */
    private static final String LIST_ARGUMENT = "weights[]";

    private final NDManager manager;
    private final Map<String, PtNDArray> arrays;
    private final Precision precision;

    private Weights(NDManager manager, Map<String, PtNDArray> arrays, Precision precision) {
        this.manager = manager;
        this.arrays = arrays;
        this.precision = precision;
    }

    /**
     * Loads all weights that a network names, in float32.
     *
     * @param ignored names that may stand in the file though no network uses them
     * @throws CheckpointException if the file lacks any or has others; the message names them
     */
    public static Weights load(NDManager parent, TensorSource source, Collection<String> names, Set<String> ignored) {
        return load(parent, source, names, Map.of(), ignored, Precision.FP32);
    }

    /** The same in float32. */
    public static Weights load(
            NDManager parent, TensorSource source, Map<String, List<Long>> shapes, Set<String> ignored) {
        return load(parent, source, shapes, ignored, Precision.FP32);
    }

    /**
     * Loads all weights that a network names.
     *
     * @param shapes what the network names, and the shapes that it needs
     * @param ignored names that may stand in the file though no network uses them
     * @param precision of the arrays, whatever the file has; arrays of bfloat16 are opaque to DJL, which has no such type: their
     *     data type must not be asked for
     * @throws CheckpointException if the file lacks any, has others or has any in another shape; the message names all of them
     */
    public static Weights load(
            NDManager parent,
            TensorSource source,
            Map<String, List<Long>> shapes,
            Set<String> ignored,
            Precision precision) {
        return load(parent, source, shapes.keySet(), shapes, ignored, precision);
    }

    private static Weights load(
            NDManager parent,
            TensorSource source,
            Collection<String> names,
            Map<String, List<Long>> shapes,
            Set<String> ignored,
            Precision precision) {
        check(source, names, shapes, ignored);
        NDManager manager = parent.newSubManager();
        Map<String, PtNDArray> arrays = new LinkedHashMap<>();
        try (WeightLoader loader = new WeightLoader(manager, precision)) {
            for (String name : names) {
                PtNDArray array = loader.load(manager, name, source.read(name));
                array.setName(LIST_ARGUMENT);
                arrays.put(name, array);
            }
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
        return new Weights(manager, arrays, precision);
    }

    /**
     * Checks what a network names against a file, as {@link #load} does.
     *
     * @throws CheckpointException if the file lacks any, has others or has any in another shape; the message names all of them
     */
    public static void verify(TensorSource source, Map<String, List<Long>> shapes, Set<String> ignored) {
        check(source, shapes.keySet(), shapes, ignored);
    }

    private static void check(
            TensorSource source, Collection<String> names, Map<String, List<Long>> shapes, Set<String> ignored) {
        Set<String> needed = Set.copyOf(names);
        Set<String> missing = new TreeSet<>();
        Set<String> extra = new TreeSet<>();
        Set<String> misshapen = new TreeSet<>();
        Set<String> mistyped = new TreeSet<>();
        for (String name : source.names()) {
            if (!needed.contains(name) && !ignored.contains(name)) {
                extra.add(shown(source, name));
            }
        }
        for (String name : names) {
            if (!source.names().contains(name)) {
                missing.add(shown(source, name));
                continue;
            }
            TensorInfo info = source.info(name);
            List<Long> shape = shapes.getOrDefault(name, info.shape());
            if (!info.shape().equals(shape)) {
                misshapen.add("%s is %s, not %s".formatted(shown(source, name), info.shape(), shape));
            }
            if (!info.dtype().isFloatingPoint()) {
                mistyped.add(shown(source, name) + " is " + info.dtype());
            }
        }
        List<String> problems = new ArrayList<>();
        addProblem(problems, "it lacks ", missing);
        addProblem(problems, "it has tensors that its config does not explain: ", extra);
        addProblem(problems, "it has tensors of another shape than its config says: ", misshapen);
        addProblem(problems, "it has weights that are no floating-point numbers: ", mistyped);
        if (!problems.isEmpty()) {
            problems.addAll(source.contradictions());
            throw new CheckpointException(source.describe() + ": " + String.join("; ", problems));
        }
    }

    private static void addProblem(List<String> problems, String what, Set<String> which) {
        if (!which.isEmpty()) {
            problems.add(what + some(which));
        }
    }

    private static String shown(TensorSource source, String name) {
        String inFile = source.nameInFile(name);
        return inFile.equals(name) ? name : name + " (there " + inFile + ")";
    }

    /** No weights: for graphs that name none. */
    public static Weights none(NDManager parent) {
        return new Weights(parent.newSubManager(), Map.of(), Precision.FP32);
    }

    /** A tensor as an array on the manager's device: integers as int64, all else as float32. */
    public static NDArray toDevice(NDManager manager, TensorData tensor) {
        Shape shape = new Shape(tensor.info().dimensions());
        DType dtype = tensor.info().dtype();
        if (dtype == DType.F32) {
            return manager.create(
                    tensor.bytes().duplicate().order(tensor.bytes().order()), shape, DataType.FLOAT32);
        }
        if (dtype == DType.F16) {
            ByteBuffer bytes = tensor.bytes().duplicate().order(tensor.bytes().order());
            try (NDArray half = manager.create(bytes, shape, DataType.FLOAT16)) {
                return half.toType(DataType.FLOAT32, false);
            }
        }
        if (dtype == DType.BF16 || dtype == DType.F64) {
            return manager.create(tensor.toFloats(), shape);
        }
        return manager.create(tensor.toLongs(), shape);
    }

    /**
     * These weights with some replaced. The others stay this object's, which has to be open as long.
     *
     * @param owner owns the replacements; closing the result closes it
     */
    public Weights replacing(NDManager owner, Map<String, NDArray> replacements) {
        Map<String, PtNDArray> replaced = new LinkedHashMap<>(arrays);
        replacements.forEach((name, array) -> {
            if (!arrays.containsKey(name)) {
                throw new IllegalArgumentException("no weight " + name);
            }
            array.setName(LIST_ARGUMENT);
            replaced.put(name, (PtNDArray) array);
        });
        return new Weights(owner, replaced, precision);
    }

    /**
     * The weights of several networks by their components' names, {@code unet.conv_in.weight}. They stay those objects', which
     * have to be open as long.
     */
    public static Weights joined(NDManager parent, Map<String, Weights> components) {
        Map<String, PtNDArray> joined = new LinkedHashMap<>();
        components.forEach((component, weights) ->
                weights.arrays.forEach((name, array) -> joined.put(component + "." + name, array)));
        return new Weights(parent.newSubManager(), joined, Precision.FP32);
    }

    public Precision precision() {
        return precision;
    }

    /** The array of a weight, which stays this object's. */
    public NDArray get(String name) {
        return arrays(List.of(name))[0];
    }

    PtNDArray[] arrays(List<String> names) {
        PtNDArray[] selected = new PtNDArray[names.size()];
        for (int i = 0; i < selected.length; i++) {
            PtNDArray array = arrays.get(names.get(i));
            if (array == null) {
                throw new IllegalArgumentException("no weight " + names.get(i));
            }
            selected[i] = array;
        }
        return selected;
    }

    private static String some(Set<String> names) {
        return names.size() <= 8
                ? String.join(", ", names)
                : String.join(", ", names.stream().limit(8).toList()) + " and " + (names.size() - 8) + " more";
    }

    @Override
    public void close() {
        manager.close();
    }
}
