package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Recording;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.pipeline.Reusable;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextEncoder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a training, whatever is trained: forward, backward, clipping, AdamW. Holds the parameters and the optimiser's
 * state; where a step's inputs come from is the caller's matter.
 */
public final class TrainingStep implements Reusable {
    private static final String PARAMETERS = "parameters";
    /** Inputs of an update: what undoes the loss scale, the learning rate, and how far the average follows. */
    private static final int NUMBERS = 3;

    private final @Nullable StableDiffusion home;
    private final Key key;
    private StableDiffusion.Use use = () -> {};
    private final NDManager manager;
    private final Weights weights;
    private final FlatTensors parameters;
    private final CompiledGraph gradients;
    private final CompiledGraph clear;
    private final Weights none;
    private final OptimizerUpdate optimizer;
    private final LossScale scale;
    private final Recording whole;
    private final Recording part;
    private final Recording end;
    private @Nullable NDArray sum;
    private long updates;

    /** What two steps have in common of which the one can do the other's work. */
    private record Key(
            String source,
            List<String> weights,
            List<ParameterLayout.Slot> parameters,
            OptimizerConfig optimizer,
            @Nullable Double averageDecay) {}

    /**
     * @param loss the mean over the parts of the step
     * @param gradientNorm before clipping
     * @param updated whether anything changed: nothing does where the gradient is not finite
     */
    public record Result(float loss, float gradientNorm, boolean updated) {}

    /**
     * The steps of a method on a model, which stays the caller's. The parameters are as they are before the first step.
     *
     * @param seed of what is random in a new adapter
     */
    public static TrainingStep of(StableDiffusion model, TrainingMethod method, OptimizerConfig optimizer, long seed) {
        try (Trainable trainable = Trainable.of(model, method, seed)) {
            return of(model, trainable, optimizer, null, true);
        }
    }

    /**
     * @param previous what to go on from, as {@link Trainable#initialize}
     * @param keepActivations as in {@link LossGraph}
     */
    static TrainingStep of(
            StableDiffusion model,
            Trainable trainable,
            OptimizerConfig optimizer,
            @Nullable Path previous,
            boolean keepActivations) {
        List<TextEncoder> trainedTextEncoders = trainable.changesText() ? model.textEncoders() : List.of();
        Graph graph = LossGraph.of(
                model.unetConfig(),
                trainedTextEncoders,
                trainable.layout(),
                trainable::rule,
                model.precision(),
                keepActivations);
        Key key = key(graph, trainable.layout(), optimizer, trainable.averageDecay());
        Optional<TrainingStep> kept = model.take(TrainingStep.class, key);
        Set<String> components = graph.weightNames().stream()
                .map(name -> name.substring(0, name.indexOf('.')))
                .collect(Collectors.toSet());
        model.keepOnly(components); // what is trained as a whole is not among them: its parameters take its room
        TrainingStep step = kept.orElseGet(() -> compiled(model, key, graph, components, trainable, optimizer));
        try {
            step.begin(model.use(), trainable, previous);
            return step;
        } catch (RuntimeException e) {
            step.close();
            throw e;
        }
    }

    private static TrainingStep compiled(
            StableDiffusion model,
            Key key,
            Graph graph,
            Set<String> components,
            Trainable trainable,
            OptimizerConfig optimizer) {
        NDManager manager = model.manager().newSubManager();
        try {
            Map<String, Weights> weights = new LinkedHashMap<>();
            if (components.contains("unet")) {
                weights.put("unet", model.unetWeights());
            }
            model.textEncoders().stream()
                    .filter(encoder -> components.contains(encoder.component()))
                    .forEach(encoder -> weights.put(encoder.component(), encoder.weights()));
            return new TrainingStep(
                    model,
                    key,
                    manager,
                    graph,
                    Weights.joined(manager, weights),
                    FlatTensors.zeros(manager, trainable.layout()),
                    optimizer,
                    model.precision(),
                    trainable.averageDecay());
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    private static Key key(
            Graph graph, ParameterLayout layout, OptimizerConfig optimizer, @Nullable Double averageDecay) {
        return new Key(graph.source(), graph.weightNames(), List.copyOf(layout.slots()), optimizer, averageDecay);
    }

    /** Makes all that changes with the steps what it is before the first one. */
    private void begin(StableDiffusion.Use newUse, Trainable trainable, @Nullable Path previous) {
        use = newUse;
        zero(parameters.array());
        trainable.initialize(parameters, previous);
        if (sum != null) {
            zero(sum);
        }
        optimizer.reset(parameters.array(), this::zero);
        scale.reset();
        updates = 0;
    }

    /**
     * @param manager owns all that the steps need; closed with this object
     * @param graph takes {@link Parameters#INPUT}, a factor, and a step's inputs, and ends in
     *     {@link Parameters#returnsLossAndGradient}
     * @param weights those that the graph names; they stay the caller's
     * @param parameters where to start from
     * @param averageDecay of a moving average of the parameters; none when null
     */
    public TrainingStep(
            NDManager manager,
            Graph graph,
            Weights weights,
            FlatTensors parameters,
            OptimizerConfig config,
            Precision precision,
            @Nullable Double averageDecay) {
        this(
                null,
                key(graph, parameters.layout(), config, averageDecay),
                manager,
                graph,
                weights,
                parameters,
                config,
                precision,
                averageDecay);
        optimizer.reset(parameters.array(), this::zero);
    }

    /** Where {@link #begin} has to follow. */
    private TrainingStep(
            @Nullable StableDiffusion home,
            Key key,
            NDManager manager,
            Graph graph,
            Weights weights,
            FlatTensors parameters,
            OptimizerConfig config,
            Precision precision,
            @Nullable Double averageDecay) {
        this.home = home;
        this.key = key;
        this.manager = manager;
        this.weights = weights;
        this.parameters = parameters;
        this.gradients = CompiledGraph.compile(manager, graph);
        this.clear = CompiledGraph.compile(manager, clear());
        this.none = Weights.none(manager);
        this.optimizer = new OptimizerUpdate(manager, config, parameters.array(), averageDecay);
        this.scale = precision == Precision.FP16 ? LossScale.dynamic() : LossScale.none();
        this.whole = new Recording(manager, this::whole);
        this.part = new Recording(manager, this::part);
        this.end = new Recording(manager, this::end);
    }

    /** A step of one part: its loss and the gradient's norm. The inputs are those of {@link #end}, then those of {@link #part}. */
    private NDList whole(NDManager outputs, NDArray... inputs) {
        try (NDManager scope = outputs.newSubManager()) {
            NDList results = gradients.runWithGradients(scope, weights, withParameters(tail(inputs, NUMBERS)));
            NDArray norm = optimizer.apply(outputs, parameters.array(), results.get(1), Arrays.copyOf(inputs, NUMBERS));
            results.get(0).attach(outputs);
            return new NDList(results.get(0), norm);
        }
    }

    /** Adds the gradient of one part to the sum: its loss. The inputs are a factor and those of the graph. */
    private NDList part(NDManager outputs, NDArray... inputs) {
        try (NDManager scope = outputs.newSubManager()) {
            NDList results = gradients.runWithGradients(scope, weights, withParameters(inputs));
            sum().addi(results.get(1));
            results.get(0).attach(outputs);
            return new NDList(results.get(0));
        }
    }

    /** Updates the parameters by the sum, which is zero afterwards: its norm. */
    private NDList end(NDManager outputs, NDArray... numbers) {
        NDArray norm = optimizer.apply(outputs, parameters.array(), sum(), numbers);
        zero(sum());
        return new NDList(norm);
    }

    private void zero(NDArray array) {
        clear.run(manager, none, array);
    }

    /** Sets an array to zero, whatever it holds. */
    private static Graph clear() {
        Graph graph = new Graph();
        graph.op("torch.zero_(%s)", graph.input("array"));
        graph.returns();
        return graph;
    }

    private NDArray sum() {
        NDArray known = sum;
        if (known == null) {
            known = manager.zeros(parameters.array().getShape());
            sum = known;
        }
        return known;
    }

    private NDArray[] withParameters(NDArray... inputs) {
        NDArray[] arguments = new NDArray[1 + inputs.length];
        arguments[0] = parameters.array();
        System.arraycopy(inputs, 0, arguments, 1, inputs.length);
        return arguments;
    }

    private static NDArray[] tail(NDArray[] inputs, int from) {
        return Arrays.copyOfRange(inputs, from, inputs.length);
    }

    private static NDArray[] joined(NDArray[] first, NDArray... second) {
        NDArray[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    /** A step of one part. */
    public Result step(double learningRate, Function<NDManager, NDArray[]> batch) {
        return step(learningRate, 1, (scope, index) -> batch.apply(scope), () -> {});
    }

    /**
     * Does one step.
     *
     * @param parts how many parts the step has; it gets the mean of their gradients
     * @param batches makes the inputs of a part, in the order of the graph, without parameters and factor
     * @param meanwhile is done while the device is busy
     */
    Result step(double learningRate, int parts, BiFunction<NDManager, Integer, NDArray[]> batches, Runnable meanwhile) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray factor = scope.create((float) (scale.factor() / parts));
            NDArray[] numbers = optimizer.numbers(scope, 1 / scale.factor(), learningRate, updates);
            float loss = 0;
            float norm;
            if (parts == 1) {
                NDList results = whole.run(joined(joined(numbers, factor), batches.apply(scope, 0)));
                meanwhile.run();
                loss = results.get(0).getFloat();
                norm = results.get(1).getFloat();
            } else {
                for (int index = 0; index < parts; index++) {
                    NDArray[] batch = batches.apply(scope, index);
                    loss += part.run(joined(new NDArray[] {factor}, batch))
                                    .get(0)
                                    .getFloat()
                            / parts;
                }
                NDList results = end.run(numbers);
                meanwhile.run();
                norm = results.get(0).getFloat();
            }
            boolean finite = Float.isFinite(norm);
            scale.updated(finite);
            if (finite) {
                updates++;
            }
            return new Result(loss, norm, finite);
        }
    }

    /** Whether a step that changed nothing is to be followed by the next one, with a smaller loss scale. */
    boolean mayGoOn() {
        return scale.mayShrink();
    }

    /** The parameters as they are now. */
    public FlatTensors parameters() {
        return parameters;
    }

    /** Their moving average where there is one, else the parameters. */
    public FlatTensors averagedParameters() {
        NDArray average = optimizer.state().get(OptimizerUpdate.AVERAGE);
        return average == null ? parameters : new FlatTensors(parameters.layout(), average);
    }

    private Map<String, NDArray> arrays() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put(PARAMETERS, parameters.array());
        arrays.putAll(optimizer.state());
        return arrays;
    }

    /** Writes all that {@link #restore} needs, with metadata of the caller's. */
    public void save(Path file, Map<String, String> metadata) {
        Map<String, String> all = new LinkedHashMap<>(metadata);
        all.put("updates", String.valueOf(updates));
        all.put("loss_scale", scale.state());
        TrainingState.write(file, arrays(), all);
    }

    /** @throws CheckpointException if the state is of another training */
    public void restore(SafetensorsFile file) {
        try {
            updates = Long.parseLong(file.metadata().getOrDefault("updates", ""));
            scale.restore(file.metadata().getOrDefault("loss_scale", ""));
        } catch (NumberFormatException e) {
            throw new CheckpointException(file.describe() + ": this is no state of a training", e);
        }
        TrainingState.read(file, arrays());
    }

    @Override
    public Object key() {
        return key;
    }

    @Override
    public long bytes() {
        return Float.BYTES * arrays().values().stream().mapToLong(NDArray::size).sum();
    }

    /** Ends a training: its model keeps the step for the next one of the same kind where it has room, else it is closed. */
    void release() {
        use.close();
        List.of(whole, part, end).forEach(Recording::freeOutputs);
        if (home == null || whole.crowded() || part.crowded()) {
            close();
        } else {
            home.keep(this);
        }
    }

    @Override
    public void close() {
        whole.close();
        part.close();
        end.close();
        manager.close();
        use.close();
    }
}
