package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Stable Diffusion 1.x, 2.x or XL: tokenizers, text encoders, autoencoder and UNet, in float32. Owns their native memory;
 * {@link #close} frees all of it. Not for several threads at once.
 */
public final class StableDiffusion implements AutoCloseable {
    static final String UNET = "unet";

    private final ModelSource source;
    private final Architecture architecture;
    private final NDManager manager;
    private final AutoencoderKlConfig vaeConfig;
    private final UNet2DConditionConfig unetConfig;
    private final NoiseSchedule noiseSchedule;
    private final List<TextEncoder> textEncoders = new ArrayList<>();
    private final CompiledGraph vaeEncoder;
    private final CompiledGraph vaeDecoder;
    private final CompiledGraph unet;
    private final Weights vaeWeights;
    private final Weights unetWeights;

    /** The mean and the logarithm of the variance of latents, [b, latentChannels, h, w], not scaled. */
    public record Moments(NDArray mean, NDArray logvar) {}

    private StableDiffusion(ModelSource source, NDManager manager) {
        this.source = source;
        this.architecture = source.architecture();
        this.manager = manager;
        this.vaeConfig = AutoencoderKlConfig.from(source.config("vae"));
        this.unetConfig = UNet2DConditionConfig.from(source.config("unet"));
        this.noiseSchedule = NoiseSchedule.of(source.config("scheduler"));
        boolean xl = architecture == Architecture.STABLE_DIFFUSION_XL;
        try {
            textEncoders.add(TextEncoder.load(manager, source, "", xl));
            if (xl) {
                textEncoders.add(TextEncoder.load(manager, source, "_2", true));
            }
            checkConditioning(xl);
            this.vaeEncoder = CompiledGraph.compile(manager, encoderGraph(vaeConfig));
            this.vaeDecoder = CompiledGraph.compile(manager, decoderGraph(vaeConfig));
            this.unet = CompiledGraph.compile(manager, unetGraph(unetConfig));
            Map<String, List<Long>> vaeShapes = new LinkedHashMap<>(vaeEncoder.weightShapes());
            vaeShapes.putAll(vaeDecoder.weightShapes());
            this.vaeWeights = Weights.load(manager, source.weights("vae"), vaeShapes, Set.of());
            this.unetWeights = Weights.load(manager, source.weights("unet"), unet.weightShapes(), Set.of());
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Loads a diffusers folder. */
    public static StableDiffusion load(Path path) {
        return load(ModelSource.open(path));
    }

    /**
     * Loads a model on DJL's default device.
     *
     * @throws CheckpointException if files are missing, if tensors are missing, extra or of another shape than the config says
     *     (the message names all of a component), or if the components do not belong together
     * @throws UnsupportedModelException for what is not implemented, by name
     */
    public static StableDiffusion load(ModelSource source) {
        NDManager manager = NDManager.newBaseManager("PyTorch");
        try {
            return new StableDiffusion(source, manager);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /** Whether the text encoders make what the UNet takes: a network of other sizes fails late, and says less. */
    private void checkConditioning(boolean xl) {
        int context = textEncoders.stream()
                .mapToInt(encoder -> encoder.config().hiddenSize())
                .sum();
        if (context != unetConfig.crossAttentionDim()) {
            throw new CheckpointException(
                    "%s: the hidden_size of the text encoders is %d in all, but the UNet's cross_attention_dim %d"
                            .formatted(source.path(), context, unetConfig.crossAttentionDim()));
        }
        if (xl) {
            ClipTextConfig second = textEncoders.get(1).config();
            if (!second.projected()) {
                throw new UnsupportedModelException(
                        source.path() + ": a text_encoder_2 that is no CLIPTextModelWithProjection is not supported");
            }
            int added = second.projectionDim() + TimeIds.COUNT * unetConfig.timeIdChannels();
            if (added != unetConfig.addedChannels()) {
                throw new CheckpointException(
                        "%s: the UNet's projection_class_embeddings_input_dim is %d, but text_encoder_2 and time ids make %d"
                                .formatted(source.path(), unetConfig.addedChannels(), added));
            }
        }
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
        @Nullable Value textEmbeds = config.takesTextAndTime() ? graph.input("text_embeds") : null;
        @Nullable Value timeIds = config.takesTextAndTime() ? graph.input("time_ids") : null;
        graph.returns(new UNet2DConditionModel(config).forward(graph, sample, timestep, context, textEmbeds, timeIds));
        return graph;
    }

    /** The parent for all that is to live as long as the model. */
    public NDManager manager() {
        return manager;
    }

    /** Where the model came from. */
    public ModelSource source() {
        return source;
    }

    public Architecture architecture() {
        return architecture;
    }

    /** One, or SDXL's two, in the order in which their states are joined. */
    public List<TextEncoder> textEncoders() {
        return List.copyOf(textEncoders);
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

    /**
     * Encodes prompts. SD 1.x and 2.x: the text encoder's last state. SDXL: both text encoders' penultimate states, joined,
     * and the second one's pooled and projected state.
     */
    public PromptEmbedding encodeText(NDManager outputs, List<String> prompts) {
        return encodeText(outputs, textEncoders, prompts);
    }

    /** The same with text encoders that may have other weights and words. */
    PromptEmbedding encodeText(NDManager outputs, List<TextEncoder> encoders, List<String> prompts) {
        try (NDManager scope = outputs.newSubManager()) {
            NDList states = new NDList();
            @Nullable NDArray pooled = null;
            for (TextEncoder encoder : encoders) {
                PromptEmbedding encoded = encoder.encode(scope, prompts);
                states.add(encoded.context());
                pooled = encoded.pooled();
            }
            NDArray context = states.size() == 1 ? states.get(0) : NDArrays.concat(states, 2);
            context.attach(outputs);
            if (pooled == null || !unetConfig.takesTextAndTime()) {
                return new PromptEmbedding(context, null);
            }
            pooled.attach(outputs);
            return new PromptEmbedding(context, pooled);
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

    NDArray predict(
            NDManager outputs,
            Weights weights,
            NDArray sample,
            NDArray timestep,
            PromptEmbedding prompts,
            NDArray timeIds) {
        if (!unetConfig.takesTextAndTime()) {
            return unet.run(outputs, weights, sample, timestep, prompts.context())
                    .get(0);
        }
        NDArray pooled = Objects.requireNonNull(prompts.pooled(), "the prompts of another model: no pooled state");
        return unet.run(outputs, weights, sample, timestep, prompts.context(), pooled, timeIds)
                .get(0);
    }

    /** The model with adapters added; the model itself stays as it is. */
    public AdaptedModel adapted(List<WeightedLora> loras) {
        return adapted(Adaptation.of(loras));
    }

    /**
     * The model with all that is laid over it; the model itself stays as it is.
     *
     * @throws CheckpointException if an adapter, a word or a network does not fit; the message names tensors and shapes
     */
    public AdaptedModel adapted(Adaptation adaptation) {
        return AdaptedModel.of(this, adaptation);
    }

    /** A whole network in place of the base's. */
    Weights load(NDManager owner, String component, TensorSource weights) {
        if (component.equals(UNET)) {
            return Weights.load(owner, weights, unet.weightShapes(), Set.of());
        }
        return textEncoders.stream()
                .filter(encoder -> encoder.component().equals(component))
                .findFirst()
                .map(encoder -> encoder.load(owner, weights))
                .orElseThrow(() -> new CheckpointException("%s: %s has no %s that it could be put in place of"
                        .formatted(weights.describe(), source.path(), component)));
    }

    @Override
    public void close() {
        manager.close();
        textEncoders.forEach(encoder -> encoder.tokenizer().close());
    }
}
