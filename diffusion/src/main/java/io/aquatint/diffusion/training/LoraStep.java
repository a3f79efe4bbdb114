package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;

/**
 * One optimiser step of a LoRA: forward, loss, backward, clipping, AdamW. Holds the adapter and the optimiser's moments; where
 * latents, noise and timesteps come from is the caller's matter.
 */
public final class LoraStep implements AutoCloseable {
    private final NDManager manager;
    private final LoraLayout layout;
    private final Weights weights;
    private final OptimizerConfig optimizer;
    private final boolean takesTextAndTime;
    private final CompiledGraph loss;
    private final CompiledGraph update;
    private final Weights none;
    private final NDArray adapter;
    private final NDArray gradientAverage;
    private final NDArray squareAverage;
    private final NDArray one;
    private long updates;

    /** The inputs of a step, all float32 but where said; {@code lossWeights} has one number for each picture. */
    public record Batch(
            NDArray noisy,
            NDArray target,
            NDArray timesteps,
            NDArray context,
            NDArray lossWeights,
            NDArray... textAndTime) {}

    /** @param gradientNorm before clipping */
    public record Result(float loss, float gradientNorm) {}

    /**
     * @param weights the UNet's weights, which stay the caller's
     * @param adapter the flat adapter to start from
     */
    public LoraStep(
            NDManager parent,
            UNet2DConditionConfig config,
            Weights weights,
            LoraLayout layout,
            OptimizerConfig optimizer,
            float[] adapter) {
        this.manager = parent.newSubManager();
        this.layout = layout;
        this.weights = weights;
        this.optimizer = optimizer;
        this.takesTextAndTime = config.takesTextAndTime();
        this.loss = CompiledGraph.compile(manager, lossGraph(config, layout));
        this.update = CompiledGraph.compile(manager, updateGraph(optimizer));
        this.none = Weights.none(manager);
        this.adapter = manager.create(adapter);
        this.adapter.setRequiresGradient(true);
        this.gradientAverage = manager.zeros(new Shape(layout.size()));
        this.squareAverage = manager.zeros(new Shape(layout.size()));
        this.one = manager.create(1f);
    }

    private static Graph lossGraph(UNet2DConditionConfig config, LoraLayout layout) {
        Graph graph = new Graph(layout.rule());
        Value noisy = graph.input("noisy"); // [b, 4, h, w]
        Value target = graph.input("target"); // [b, 4, h, w]
        Value timesteps = graph.input("timesteps"); // [b]
        Value context = graph.input("context"); // [b, tokens, c]
        Value lossWeights = graph.input("loss_weights"); // [b]
        Value textEmbeds = config.takesTextAndTime() ? graph.input("text_embeds") : null;
        Value timeIds = config.takesTextAndTime() ? graph.input("time_ids") : null;
        Value predicted =
                new UNet2DConditionModel(config).forward(graph, noisy, timesteps, context, textEmbeds, timeIds);
        Value squared = graph.square(graph.sub(predicted, target));
        Value perPicture = graph.mean(squared, 1, 2, 3); // [b]
        graph.returns(graph.mean(graph.mul(perPicture, lossWeights)));
        return graph;
    }

    /** Clipping as torch.nn.utils.clip_grad_norm_, then AdamW in place; the gradient is zero afterwards. */
    private static Graph updateGraph(OptimizerConfig optimizer) {
        Graph graph = new Graph();
        Value parameter = graph.input("parameter");
        Value gradient = graph.input("gradient");
        Value average = graph.input("average");
        Value square = graph.input("square");
        Value step = graph.input("step");
        Value rate = graph.input("rate");
        Value norm = graph.op("torch.linalg_vector_norm(%s, 2)", gradient);
        Value factor = graph.op(
                "torch.clamp(torch.div(%s, torch.add(%s, 9.9999999999999995e-07)), None, 1.0)",
                graph.op("torch.full_like(%s, %s)", norm, optimizer.maxGradientNorm()), norm);
        Value clipped = graph.mul(gradient, factor);
        // The list has to be among the results: else TorchScript takes the update for dead code.
        Value updated = graph.op("[%s]", parameter);
        graph.op(
                "torch._fused_adamw_(%s, [%s], [%s], [%s], annotate(List[Tensor], []), [%s], lr=%s, beta1=%s, beta2=%s, weight_decay=%s, eps=%s, amsgrad=False, maximize=False)",
                updated,
                clipped,
                average,
                square,
                step,
                rate,
                optimizer.beta1(),
                optimizer.beta2(),
                optimizer.weightDecay(),
                optimizer.epsilon());
        graph.op("torch.zero_(%s)", gradient);
        graph.returns(norm, graph.op("%s[0]", updated));
        return graph;
    }

    /**
     * Does one step at a learning rate. Where the loss or the gradient is not finite nothing is updated, and the result's norm is
     * NaN.
     */
    public Result step(Batch batch, double learningRate) {
        try (NDManager scope = manager.newSubManager()) {
            float value = gradient(scope, batch);
            NDArray gradient = adapter.getGradient();
            gradient.attach(scope);
            if (!Float.isFinite(value) || !Float.isFinite(gradient.norm().getFloat())) {
                return new Result(value, Float.NaN); // the adapter and the moments stay as they were
            }
            updates++;
            NDList norm = update.run(
                    scope,
                    none,
                    adapter,
                    gradient,
                    gradientAverage,
                    squareAverage,
                    scope.create((float) updates),
                    scope.create(learningRate));
            return new Result(value, norm.get(0).getFloat());
        }
    }

    private float gradient(NDManager scope, Batch batch) {
        NDArray[] inputs = new NDArray[6 + (takesTextAndTime ? 2 : 0)];
        inputs[0] = batch.noisy();
        inputs[1] = batch.target();
        inputs[2] = batch.timesteps();
        inputs[3] = batch.context();
        inputs[4] = batch.lossWeights();
        if (takesTextAndTime) {
            inputs[5] = batch.textAndTime()[0];
            inputs[6] = batch.textAndTime()[1];
        }
        inputs[inputs.length - 1] = adapter;
        NDArray value = loss.runWithGradients(scope, weights, inputs).get(0);
        JniUtils.backward((PtNDArray) value, (PtNDArray) one, false, false);
        return value.getFloat();
    }

    public LoraLayout layout() {
        return layout;
    }

    public OptimizerConfig optimizer() {
        return optimizer;
    }

    /** How many steps were done, counting those before a resume. */
    public long updates() {
        return updates;
    }

    /** The flat adapter as it is now. */
    public float[] adapter() {
        return adapter.toFloatArray();
    }

    /** AdamW's running means of the gradient and of its square. */
    public float[][] moments() {
        return new float[][] {gradientAverage.toFloatArray(), squareAverage.toFloatArray()};
    }

    /** Goes on from a saved state. */
    public void restore(float[] flat, float[] average, float[] square, long steps) {
        adapter.setRequiresGradient(false);
        adapter.set(flat);
        adapter.setRequiresGradient(true);
        gradientAverage.set(average);
        squareAverage.set(square);
        updates = steps;
    }

    @Override
    public void close() {
        manager.close();
    }
}
