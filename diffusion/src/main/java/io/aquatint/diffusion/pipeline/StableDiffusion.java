package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.text.ClipTokenizer;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Stable Diffusion 1.x in diffusers layout: tokenizer, text encoder, autoencoder and UNet, in float32. Owns their native memory;
 * {@link #close} frees all of it. Not for several threads at once.
 */
public final class StableDiffusion implements AutoCloseable {
    private final DiffusersFolder folder;
    private final NDManager manager;
    private final ClipTokenizer tokenizer;
    private final AutoencoderKlConfig vaeConfig;
    private final UNet2DConditionConfig unetConfig;
    private final NoiseSchedule noiseSchedule;
    private final CompiledGraph textEncoder;
    private final CompiledGraph vaeEncoder;
    private final CompiledGraph vaeDecoder;
    private final CompiledGraph unet;
    private final Weights textWeights;
    private final Weights vaeWeights;
    private final Weights unetWeights;

    /** The mean and the logarithm of the variance of latents, [b, latentChannels, h, w], not scaled. */
    public record Moments(NDArray mean, NDArray logvar) {}

    private StableDiffusion(DiffusersFolder folder, NDManager manager, ClipTokenizer tokenizer) {
        this.folder = folder;
        this.manager = manager;
        this.tokenizer = tokenizer;
        this.vaeConfig = AutoencoderKlConfig.from(folder.config("vae"));
        this.unetConfig = UNet2DConditionConfig.from(folder.config("unet"));
        this.noiseSchedule = NoiseSchedule.of(folder.config("scheduler"));
        if (unetConfig.takesTextAndTime()) {
            throw new UnsupportedModelException(folder.path() + ": a UNet with text and time ids (SDXL) in a "
                    + folder.pipelineClass() + " is not supported");
        }
        this.textEncoder =
                CompiledGraph.compile(manager, textGraph(ClipTextConfig.from(folder.config("text_encoder"))));
        this.vaeEncoder = CompiledGraph.compile(manager, encoderGraph(vaeConfig));
        this.vaeDecoder = CompiledGraph.compile(manager, decoderGraph(vaeConfig));
        this.unet = CompiledGraph.compile(manager, unetGraph(unetConfig));
        Map<String, List<Long>> vaeShapes = new LinkedHashMap<>(vaeEncoder.weightShapes());
        vaeShapes.putAll(vaeDecoder.weightShapes());
        this.textWeights = Weights.load(
                manager,
                folder.weights("text_encoder"),
                textEncoder.weightShapes(),
                Set.of("text_model.embeddings.position_ids"));
        TensorSource vae = folder.weights("vae");
        this.vaeWeights = Weights.load(manager, vae, vaeShapes, Set.of());
        this.unetWeights = Weights.load(manager, folder.weights("unet"), unet.weightShapes(), Set.of());
    }

    /**
     * Loads a model on DJL's default device.
     *
     * @throws io.aquatint.diffusion.checkpoint.CheckpointException if files are missing, or tensors missing, extra or of another
     *     shape than the config says; the message names all of a component
     * @throws UnsupportedModelException for what is not implemented, by name
     */
    public static StableDiffusion load(Path path) {
        DiffusersFolder folder = DiffusersFolder.open(path);
        if (!folder.pipelineClass().equals("StableDiffusionPipeline")) {
            throw new UnsupportedModelException(
                    path + ": the pipeline _class_name = " + folder.pipelineClass() + " is not supported");
        }
        ClipTokenizer tokenizer = ClipTokenizer.load(folder.componentFolder("tokenizer"));
        NDManager manager = NDManager.newBaseManager("PyTorch");
        try {
            return new StableDiffusion(folder, manager, tokenizer);
        } catch (RuntimeException e) {
            manager.close();
            tokenizer.close();
            throw e;
        }
    }

    private static Graph textGraph(ClipTextConfig config) {
        Graph graph = new Graph();
        graph.returns(new ClipTextModel(config)
                .forward(graph, graph.input("input_ids"))
                .lastHiddenState());
        return graph;
    }

    private static Graph encoderGraph(AutoencoderKlConfig config) {
        Graph graph = new Graph();
        AutoencoderKl.Moments moments = new AutoencoderKl(config).encode(graph, graph.input("image"));
        graph.returns(moments.mean(), moments.logvar());
        return graph;
    }

    private static Graph decoderGraph(AutoencoderKlConfig config) {
        Graph graph = new Graph();
        graph.returns(new AutoencoderKl(config).decode(graph, graph.input("latent")));
        return graph;
    }

    private static Graph unetGraph(UNet2DConditionConfig config) {
        Graph graph = new Graph();
        Value sample = graph.input("sample");
        Value timestep = graph.input("timestep");
        Value context = graph.input("context");
        graph.returns(new UNet2DConditionModel(config).forward(graph, sample, timestep, context, null, null));
        return graph;
    }

    /** The parent for all that is to live as long as the model. */
    public NDManager manager() {
        return manager;
    }

    public DiffusersFolder folder() {
        return folder;
    }

    public ClipTokenizer tokenizer() {
        return tokenizer;
    }

    public AutoencoderKlConfig vaeConfig() {
        return vaeConfig;
    }

    public UNet2DConditionConfig unetConfig() {
        return unetConfig;
    }

    /** The noise that the model was trained with, whatever sampler its folder names. */
    public NoiseSchedule noiseSchedule() {
        return noiseSchedule;
    }

    /** The UNet's weights, which stay the model's. */
    public Weights unetWeights() {
        return unetWeights;
    }

    /** Prompts to [prompts, tokens, c]. */
    public NDArray encodeText(NDManager outputs, List<String> prompts) {
        return encodeText(outputs, textWeights, prompts);
    }

    NDArray encodeText(NDManager outputs, Weights weights, List<String> prompts) {
        int length = tokenizer.maxLength();
        long[] ids = prompts.stream()
                .flatMapToLong(prompt -> Arrays.stream(tokenizer.encode(prompt)))
                .toArray();
        try (NDArray input = manager.create(ids, new Shape(prompts.size(), length))) {
            return textEncoder.run(outputs, weights, input).get(0);
        }
    }

    /** Pictures [b, 3, H, W] in -1 to 1 to latents of H / factor x W / factor. */
    public Moments encodeImages(NDManager outputs, NDArray images) {
        NDList moments = vaeEncoder.run(outputs, vaeWeights, images);
        return new Moments(moments.get(0), moments.get(1));
    }

    /** Latents that are not scaled, [b, latentChannels, h, w], to pictures [b, 3, H, W] of about -1 to 1. */
    public NDArray decodeLatents(NDManager outputs, NDArray latents) {
        return vaeDecoder.run(outputs, vaeWeights, latents).get(0);
    }

    NDArray predict(NDManager outputs, Weights weights, NDArray sample, NDArray timestep, NDArray context) {
        return unet.run(outputs, weights, sample, timestep, context).get(0);
    }

    /** The model with adapters added; the model itself stays as it is. */
    public AdaptedModel adapted(List<WeightedLora> adapters) {
        Weights text = LoraFusion.fuse(manager, textWeights, folder, LoraWeights.Component.TEXT_ENCODER, adapters);
        try {
            return new AdaptedModel(
                    this, LoraFusion.fuse(manager, unetWeights, folder, LoraWeights.Component.UNET, adapters), text);
        } catch (RuntimeException e) {
            text.close();
            throw e;
        }
    }

    @Override
    public void close() {
        manager.close();
        tokenizer.close();
    }
}
