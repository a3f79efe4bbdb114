package io.aquatint.diffusion.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * A LoRA's training written once more, as plainly as can be, to check the real one: the pairs are multiplied into the weights,
 * the gradients of the pairs follow from those of the weights by the chain rule, and clipping and AdamW are loops over doubles
 * that read as PyTorch's documentation does. Only the network itself is shared with the real one.
 */
final class ReferenceLoraTraining implements AutoCloseable {
    /** A layer's pair with AdamW's moments: down [rank, in] and up [out, rank]. */
    record Pair(Parameter down, Parameter up, int in, int out) {}

    /** A matrix and the running means of its gradient and of its square. */
    record Parameter(double[] values, double[] gradient, double[] average, double[] square) {
        static Parameter of(float[] values) {
            double[] wide = new double[values.length];
            for (int i = 0; i < wide.length; i++) {
                wide[i] = values[i];
            }
            return new Parameter(wide, new double[values.length], new double[values.length], new double[values.length]);
        }

        float[] floats() {
            float[] floats = new float[values.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) values[i];
            }
            return floats;
        }
    }

    /** @param gradientNorm before clipping */
    record Result(double loss, double gradientNorm) {}

    /** @param snrGamma 0 for none */
    record Settings(int rank, double alpha, double learningRate, double epsilon, double snrGamma) {
        double scale() {
            return alpha / rank;
        }
    }

    /** One batch: [pictures, 4, h, w] twice, [pictures], [pictures, tokens, c]. */
    record Batch(
            float[] latents, float[] noise, int[] timesteps, float[] context, Shape latentShape, Shape contextShape) {}

    private final NDManager manager = NDManager.newBaseManager("PyTorch");
    private final Map<String, Pair> pairs = new TreeMap<>();
    private final Settings settings;
    private final Weights weights;
    private final CompiledGraph unet;
    private final double[] alphasCumprod;
    private int step;

    ReferenceLoraTraining(DiffusersFolder model, Settings settings) {
        this.settings = settings;
        TensorSource source = model.weights("unet");
        this.weights = Weights.load(manager, source, source.names(), Set.of());
        Graph graph = new Graph();
        graph.returns(new UNet2DConditionModel(UNet2DConditionConfig.from(model.config("unet")))
                .forward(graph, graph.input("sample"), graph.input("timestep"), graph.input("context"), null, null));
        this.unet = CompiledGraph.compile(manager, graph);
        this.alphasCumprod = alphasCumprod();
    }

    /** Adds a layer with what its pair begins with. */
    void add(String module, float[] down, float[] up) {
        int in = down.length / settings.rank();
        pairs.put(module, new Pair(Parameter.of(down), Parameter.of(up), in, up.length / settings.rank()));
    }

    Map<String, Pair> pairs() {
        return pairs;
    }

    /** beta from sqrt(0.00085) to sqrt(0.012) in equal steps of its root. */
    private static double[] alphasCumprod() {
        double[] alphas = new double[1000];
        double product = 1;
        for (int t = 0; t < 1000; t++) {
            double root = Math.sqrt(0.00085) + (Math.sqrt(0.012) - Math.sqrt(0.00085)) * t / 999;
            product *= 1 - root * root;
            alphas[t] = product;
        }
        return alphas;
    }

    /** The loss, and the gradients in every {@link Parameter}. */
    double lossAndGradients(Batch batch) {
        try (NDManager scope = manager.newSubManager()) {
            Map<String, NDArray> fused = fused(scope);
            fused.values().forEach(weight -> weight.setRequiresGradient(true));
            double value;
            try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
                NDArray loss = loss(scope, batch, fused);
                collector.backward(loss);
                value = loss.getFloat();
            }
            pairs.forEach((module, pair) -> {
                NDArray weight = Objects.requireNonNull(fused.get(module + ".weight"));
                try (NDArray gradient = weight.getGradient()) {
                    chainRule(pair, gradient.toFloatArray());
                }
            });
            return value;
        }
    }

    /** The loss alone. */
    double loss(Batch batch) {
        try (NDManager scope = manager.newSubManager()) {
            return loss(scope, batch, fused(scope)).getFloat();
        }
    }

    /** W + alpha / rank * up down of every layer, summed as doubles. */
    private Map<String, NDArray> fused(NDManager scope) {
        Map<String, NDArray> fused = new LinkedHashMap<>();
        pairs.forEach((module, pair) -> {
            NDArray base = weights.get(module + ".weight");
            float[] sum = base.toFloatArray();
            for (int o = 0; o < pair.out(); o++) {
                for (int i = 0; i < pair.in(); i++) {
                    double product = 0;
                    for (int r = 0; r < settings.rank(); r++) {
                        product += pair.up().values()[o * settings.rank() + r]
                                * pair.down().values()[r * pair.in() + i];
                    }
                    sum[o * pair.in() + i] = (float) (sum[o * pair.in() + i] + settings.scale() * product);
                }
            }
            fused.put(module + ".weight", scope.create(sum, base.getShape()));
        });
        return fused;
    }

    /** diffusers: mse_loss(prediction, noise) over all elements, or with min-SNR weights the weighted mean of each picture's. */
    private NDArray loss(NDManager scope, Batch batch, Map<String, NDArray> fused) {
        int pictures = batch.timesteps().length;
        int size = batch.latents().length / pictures;
        float[] noisy = new float[batch.latents().length];
        float[] weighting = new float[pictures];
        float[] times = new float[pictures];
        for (int p = 0; p < pictures; p++) {
            double alpha = alphasCumprod[batch.timesteps()[p]];
            double snr = alpha / (1 - alpha);
            times[p] = batch.timesteps()[p];
            weighting[p] = settings.snrGamma() == 0 ? 1 : (float) (Math.min(snr, settings.snrGamma()) / snr);
            for (int i = p * size; i < (p + 1) * size; i++) {
                noisy[i] = (float) (Math.sqrt(alpha) * batch.latents()[i] + Math.sqrt(1 - alpha) * batch.noise()[i]);
            }
        }
        NDArray predicted = unet.runWithGradients(
                        scope,
                        weights.replacing(scope, fused), // the scope frees them
                        scope.create(noisy, batch.latentShape()),
                        scope.create(times),
                        scope.create(batch.context(), batch.contextShape()))
                .get(0);
        NDArray squares =
                predicted.sub(scope.create(batch.noise(), batch.latentShape())).square();
        if (settings.snrGamma() == 0) {
            return squares.mean();
        }
        List<NDArray> losses = new ArrayList<>();
        for (int p = 0; p < pictures; p++) {
            losses.add(squares.get(p).mean().mul(weighting[p]));
        }
        return NDArrays.stack(new NDList(losses)).mean();
    }

    /** d up = scale * dW downᵀ; d down = scale * upᵀ dW. */
    private void chainRule(Pair pair, float[] weightGradient) {
        int rank = settings.rank();
        for (int r = 0; r < rank; r++) {
            for (int o = 0; o < pair.out(); o++) {
                double sum = 0;
                for (int i = 0; i < pair.in(); i++) {
                    sum += weightGradient[o * pair.in() + i] * pair.down().values()[r * pair.in() + i];
                }
                pair.up().gradient()[o * rank + r] = settings.scale() * sum;
            }
            for (int i = 0; i < pair.in(); i++) {
                double sum = 0;
                for (int o = 0; o < pair.out(); o++) {
                    sum += pair.up().values()[o * rank + r] * weightGradient[o * pair.in() + i];
                }
                pair.down().gradient()[r * pair.in() + i] = settings.scale() * sum;
            }
        }
    }

    List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>();
        pairs.values().forEach(pair -> {
            parameters.add(pair.down());
            parameters.add(pair.up());
        });
        return parameters;
    }

    double gradientNorm() {
        double squares = 0;
        for (Parameter parameter : parameters()) {
            for (double gradient : parameter.gradient()) {
                squares += gradient * gradient;
            }
        }
        return Math.sqrt(squares);
    }

    /** Loss and norm before clipping; then clip_grad_norm_(1.0) and AdamW(betas (0.9, 0.999), weight decay 1e-2). */
    Result step(Batch batch) {
        double loss = lossAndGradients(batch);
        double norm = gradientNorm();
        double clip = Math.min(1, 1.0 / (norm + 1e-6));
        step++;
        for (Parameter parameter : parameters()) {
            for (int i = 0; i < parameter.values().length; i++) {
                double gradient = clip * parameter.gradient()[i];
                double decayed = parameter.values()[i] * (1 - settings.learningRate() * 0.01);
                parameter.average()[i] = 0.9 * parameter.average()[i] + 0.1 * gradient;
                parameter.square()[i] = 0.999 * parameter.square()[i] + 0.001 * gradient * gradient;
                double average = parameter.average()[i] / (1 - Math.pow(0.9, step));
                double square = parameter.square()[i] / (1 - Math.pow(0.999, step));
                parameter.values()[i] =
                        decayed - settings.learningRate() * average / (Math.sqrt(square) + settings.epsilon());
            }
        }
        return new Result(loss, norm);
    }

    /** Every matrix by diffusers' name of it, after a prefix. */
    Map<String, float[]> named(String prefix) {
        Map<String, float[]> named = new HashMap<>();
        pairs.forEach((module, pair) -> {
            named.put(prefix + module + ".lora.down.weight", pair.down().floats());
            named.put(prefix + module + ".lora.up.weight", pair.up().floats());
        });
        return named;
    }

    @Override
    public void close() {
        manager.close();
    }
}
