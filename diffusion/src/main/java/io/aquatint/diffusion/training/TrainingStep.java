package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextEncoder;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The steps of a training, whatever is trained: forward, backward, clipping, AdamW. Holds the parameters and the optimiser's
 * state; where a step's inputs come from is the caller's matter.
 */
public final class TrainingStep implements AutoCloseable {
    private static final String PARAMETERS = "parameters";

    private final NDManager manager;
    private final Weights weights;
    private final FlatTensors parameters;
    private final CompiledGraph gradients;
    private final OptimizerUpdate optimizer;
    private final LossScale scale;
    private @Nullable NDArray gradient;
    private float loss;
    private long updates;

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
            return of(model, trainable, optimizer, null);
        }
    }

    /** @param previous what to go on from, as {@link Trainable#initialize} */
    static TrainingStep of(
            StableDiffusion model, Trainable trainable, OptimizerConfig optimizer, @Nullable Path previous) {
        NDManager manager = model.manager().newSubManager();
        try {
            FlatTensors parameters = FlatTensors.zeros(manager, trainable.layout());
            trainable.initialize(parameters, previous);
            List<TextEncoder> trainedTextEncoders = trainable.changesText() ? model.textEncoders() : List.of();
            Graph graph = LossGraph.of(
                    model.unetConfig(), trainedTextEncoders, trainable.layout(), trainable::rule, model.precision());
            Map<String, Weights> weights = new LinkedHashMap<>();
            weights.put("unet", model.unetWeights());
            trainedTextEncoders.forEach(encoder -> weights.put(encoder.component(), encoder.weights()));
            return new TrainingStep(
                    manager,
                    graph,
                    Weights.joined(manager, weights),
                    parameters,
                    optimizer,
                    model.precision(),
                    trainable.averageDecay());
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
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
        this.manager = manager;
        this.weights = weights;
        this.parameters = parameters;
        this.gradients = CompiledGraph.compile(manager, graph);
        this.optimizer = new OptimizerUpdate(manager, config, parameters.array(), averageDecay);
        this.scale = precision == Precision.FP16 ? LossScale.dynamic() : LossScale.none();
    }

    /**
     * Adds the gradient of one part of a step.
     *
     * @param parts how many parts the step has; it gets the mean of their gradients
     * @param batch makes the inputs, in the order of the graph, without parameters and factor; they may be in the manager that it
     *     is given
     */
    public void accumulate(int parts, Function<NDManager, NDArray[]> batch) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray[] inputs = batch.apply(scope);
            NDArray[] arguments = new NDArray[2 + inputs.length];
            arguments[0] = parameters.array();
            arguments[1] = scope.create((float) (scale.factor() / parts));
            System.arraycopy(inputs, 0, arguments, 2, inputs.length);
            NDList results = gradients.runWithGradients(scope, weights, arguments);
            loss += results.get(0).getFloat() / parts;
            NDArray sum = gradient;
            if (sum == null) {
                gradient = results.get(1);
                gradient.attach(manager);
            } else {
                sum.addi(results.get(1));
            }
        }
    }

    /**
     * Ends a step: updates the parameters.
     *
     * @throws IllegalStateException if the step has no part
     */
    public Result update(double learningRate) {
        NDArray sum = gradient;
        if (sum == null) {
            throw new IllegalStateException("a step needs at least one part");
        }
        float norm = optimizer.apply(parameters.array(), sum, 1 / scale.factor(), learningRate, updates);
        sum.close();
        boolean finite = Float.isFinite(norm);
        Result result = new Result(loss, norm, finite);
        gradient = null;
        loss = 0;
        scale.updated(finite);
        if (finite) {
            updates++;
        }
        return result;
    }

    /** A step of one part. */
    public Result step(double learningRate, Function<NDManager, NDArray[]> batch) {
        accumulate(1, batch);
        return update(learningRate);
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
    void save(Path file, Map<String, String> metadata) {
        Map<String, String> all = new LinkedHashMap<>(metadata);
        all.put("updates", String.valueOf(updates));
        all.put("loss_scale", scale.state());
        TrainingState.write(file, arrays(), all);
    }

    /** @throws CheckpointException if the state is of another training */
    void restore(SafetensorsFile file) {
        try {
            updates = Long.parseLong(file.metadata().getOrDefault("updates", ""));
            scale.restore(file.metadata().getOrDefault("loss_scale", ""));
        } catch (NumberFormatException e) {
            throw new CheckpointException(file.describe() + ": this is no state of a training", e);
        }
        TrainingState.read(file, arrays());
    }

    @Override
    public void close() {
        manager.close();
    }
}
