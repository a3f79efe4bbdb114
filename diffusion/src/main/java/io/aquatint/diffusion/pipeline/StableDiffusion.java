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
import io.aquatint.diffusion.graph.Precision;
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
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Stable Diffusion 1.x, 2.x or XL: tokenizers, text encoders, autoencoder and UNet. Text encoders and UNet compute in the precision
 * that is asked for, the autoencoder on a GPU in bfloat16 where that is asked for, else in float32, for SDXL's overflows in float16.
 * All that goes in and comes out is float32.
 * Owns their native memory; {@link #close} frees all of it. Not for several threads at once.
 */
public final class StableDiffusion implements AutoCloseable {
    static final String UNET = "unet";
    private static final String VAE = "vae";

    private final ModelSource source;
    private final Architecture architecture;
    private final Precision precision;
    private final NDManager manager;
    private final AutoencoderKlConfig vaeConfig;
    private final UNet2DConditionConfig unetConfig;
    private final NoiseSchedule noiseSchedule;
    private final List<TextEncoder> textEncoders = new ArrayList<>();
    private final CompiledGraph vaeEncoder;
    private final CompiledGraph vaeDecoder;
    private final CompiledGraph unet;
    private final ResidentWeights vaeWeights;
    private final ResidentWeights unetWeights;
    private final KeptWork kept;
    private int users;

    /** The mean and the logarithm of the variance of latents, [b, latentChannels, h, w], not scaled. */
    public record Moments(NDArray mean, NDArray logvar) {}

    private StableDiffusion(ModelSource source, Precision precision, LoadProgress progress, NDManager manager) {
        this.source = source;
        this.architecture = source.architecture();
        this.precision = precision;
        this.manager = manager;
        this.kept = new KeptWork(manager.getDevice());
        this.vaeConfig = AutoencoderKlConfig.from(source.config("vae"));
        this.unetConfig = UNet2DConditionConfig.from(source.config("unet"));
        this.noiseSchedule = NoiseSchedule.of(source.config("scheduler"));
        boolean xl = architecture == Architecture.STABLE_DIFFUSION_XL;
        checkConditioning(xl);
        WeightCheck.verify(source); // before a network is compiled that a lying config makes endless
        Precision vaePrecision = vaePrecision(precision, manager);
        try {
            ModelSource watched = new WatchedSource(source, progress);
            textEncoders.add(TextEncoder.load(manager, watched, "", xl, precision));
            if (xl) {
                textEncoders.add(TextEncoder.load(manager, watched, "_2", true, precision));
            }
            this.vaeEncoder = CompiledGraph.compile(manager, encoderGraph(vaeConfig, vaePrecision));
            this.vaeDecoder = CompiledGraph.compile(manager, decoderGraph(vaeConfig, vaePrecision));
            this.unet = CompiledGraph.compile(manager, unetGraph(unetConfig, precision));
            Map<String, List<Long>> vaeShapes = new LinkedHashMap<>(vaeEncoder.weightShapes());
            vaeShapes.putAll(vaeDecoder.weightShapes());
            this.vaeWeights = new ResidentWeights(
                    () -> Weights.load(manager, watched.weights(VAE), vaeShapes, Set.of(), vaePrecision));
            this.unetWeights = new ResidentWeights(
                    () -> Weights.load(manager, watched.weights(UNET), unet.weightShapes(), Set.of(), precision));
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Processors are no faster in bfloat16, and float16 is too narrow for SDXL's autoencoder. */
    private static Precision vaePrecision(Precision precision, NDManager manager) {
        return precision == Precision.BF16 && manager.getDevice().isGpu() ? Precision.BF16 : Precision.FP32;
    }

    /** Loads a diffusers folder or a single file, in float32. */
    public static StableDiffusion load(Path path) {
        return load(ModelSource.open(path), Precision.FP32);
    }

    public static StableDiffusion load(ModelSource source, Precision precision) {
        return load(source, precision, LoadProgress.UNSEEN);
    }

    /**
     * Loads a model on DJL's default device.
     *
     * @param precision what text encoders and UNet compute in, whatever the files have
     * @throws CheckpointException if files are missing, if tensors are missing, extra or of another shape than the config says
     *     (the message names all of a component), or if the components do not belong together
     * @throws UnsupportedModelException for what is not implemented, by name
     */
    public static StableDiffusion load(ModelSource source, Precision precision, LoadProgress progress) {
        NDManager manager = NDManager.newBaseManager("PyTorch");
        try {
            return new StableDiffusion(source, precision, progress, manager);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    /** Whether the text encoders make what the UNet takes: a network of other sizes fails late, and says less. */
    private void checkConditioning(boolean xl) {
        List<ClipTextConfig> encoders = (xl ? List.of("text_encoder", "text_encoder_2") : List.of("text_encoder"))
                .stream()
                        .map(component -> ClipTextConfig.from(source.config(component)))
                        .toList();
        int context = encoders.stream().mapToInt(ClipTextConfig::hiddenSize).sum();
        if (context != unetConfig.crossAttentionDim()) {
            throw new CheckpointException(
                    "%s: the hidden_size of the text encoders is %d in all, but the UNet's cross_attention_dim %d"
                            .formatted(source.path(), context, unetConfig.crossAttentionDim()));
        }
        if (xl) {
            ClipTextConfig second = encoders.get(1);
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

    static Graph encoderGraph(AutoencoderKlConfig config, Precision precision) {
        Graph graph = new Graph();
        Value image = graph.to(graph.input("image"), precision);
        AutoencoderKl.Moments moments = new AutoencoderKl(config).encode(graph, image);
        graph.returns(graph.toFloat32(moments.mean()), graph.toFloat32(moments.logvar()));
        return graph;
    }

    static Graph decoderGraph(AutoencoderKlConfig config, Precision precision) {
        Graph graph = new Graph();
        Value latent = graph.to(graph.input("latent"), precision);
        graph.returns(graph.toFloat32(new AutoencoderKl(config).decode(graph, latent)));
        return graph;
    }

    static Graph unetGraph(UNet2DConditionConfig config, Precision precision) {
        Graph graph = new Graph();
        Value sample = graph.to(graph.input("sample"), precision);
        Value timestep = graph.input("timestep");
        Value context = graph.to(graph.input("context"), precision);
        @Nullable Value textEmbeds = config.takesTextAndTime() ? graph.to(graph.input("text_embeds"), precision) : null;
        @Nullable Value timeIds = config.takesTextAndTime() ? graph.input("time_ids") : null;
        Value output = new UNet2DConditionModel(config).forward(graph, sample, timestep, context, textEmbeds, timeIds);
        graph.returns(graph.toFloat32(output));
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

    /** What text encoders and UNet compute in. */
    public Precision precision() {
        return precision;
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
        return unetWeights.get();
    }

    /**
     * Says that weights of this model are in use: none are let go before the result is closed.
     *
     * @see #keepOnly
     */
    public Use use() {
        users++;
        return new Use() {
            private boolean closed;

            @Override
            public void close() {
                users -= closed ? 0 : 1;
                closed = true;
            }
        };
    }

    /** See {@link StableDiffusion#use}. */
    public interface Use extends AutoCloseable {
        @Override
        void close();
    }

    /**
     * Frees the weights of all components that are not named, until they are next asked for, and all that was kept; nothing
     * happens while anything of the model is in {@link #use}.
     *
     * @param components by their folders in diffusers layout: {@code unet}, {@code text_encoder} and so on
     */
    public void keepOnly(Set<String> components) {
        if (users > 0) {
            return;
        }
        kept.close();
        if (!components.contains(UNET)) {
            unetWeights.letGo();
        }
        if (!components.contains(VAE)) {
            vaeWeights.letGo();
        }
        textEncoders.stream()
                .filter(encoder -> !components.contains(encoder.component()))
                .forEach(TextEncoder::letGo);
    }

    /**
     * Leaves something for the next job that can use it: it is closed with the model, when weights are let go, when another of its
     * type is kept or asked for, or at once where memory is short.
     */
    public void keep(Reusable work) {
        kept.keep(work);
    }

    /** What was kept and has this key; it is the caller's then. */
    public <T extends Reusable> Optional<T> take(Class<T> type, Object key) {
        return kept.take(type, key);
    }

    /** The weights that the UNet has, and their shapes. */
    public Map<String, List<Long>> unetWeightShapes() {
        return unet.weightShapes();
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
        NDList moments = vaeEncoder.run(outputs, vaeWeights.get(), images);
        return new Moments(moments.get(0), moments.get(1));
    }

    /** Latents that are not scaled, [b, latentChannels, h, w], to pictures [b, 3, H, W] of about -1 to 1. */
    public NDArray decodeLatents(NDManager outputs, NDArray latents) {
        return vaeDecoder.run(outputs, vaeWeights.get(), latents).get(0);
    }

    /** What the UNet takes for a prediction, in the order of its graph. */
    NDArray[] unetInputs(NDArray sample, NDArray timestep, PromptEmbedding prompts, NDArray timeIds) {
        if (!unetConfig.takesTextAndTime()) {
            return new NDArray[] {sample, timestep, prompts.context()};
        }
        NDArray pooled = Objects.requireNonNull(prompts.pooled(), "the prompts of another model: no pooled state");
        return new NDArray[] {sample, timestep, prompts.context(), pooled, timeIds};
    }

    NDList predict(NDManager outputs, Weights weights, NDArray... inputs) {
        return unet.run(outputs, weights, inputs);
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
            return Weights.load(owner, weights, unet.weightShapes(), Set.of(), precision);
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
        kept.close();
        manager.close();
        textEncoders.forEach(encoder -> encoder.tokenizer().close());
    }
}
