package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.ConvertedTensors.Form;
import io.aquatint.diffusion.checkpoint.ConvertedTensors.Part;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A whole base model in one safetensors file of the original layout, as CompVis' and Stability's code and most tools write it:
 * {@code model.diffusion_model.*}, {@code first_stage_model.*}, and text encoders as {@code cond_stage_model.*} (Stable
 * Diffusion 1.x, 2.x) or {@code conditioner.embedders.*} (SDXL). Tensors come under diffusers' names; where these have another
 * shape, each is brought into it when it is read.
 *
 * <p>The file has no configs. Either a diffusers folder gives them (each is held against the weights when they are loaded), or they
 * are those of the published model of the family, with all sizes from the shapes. What the network predicts cannot be seen in
 * shapes. In this order it is said by
 *
 * <ol>
 *   <li>tensors named {@code v_pred} (velocity) and {@code ztsnr} (and no signal at the end of the schedule),
 *   <li>the metadata {@code modelspec.prediction_type} ({@code v} or {@code epsilon}),
 *   <li>the metadata {@code modelspec.architecture}: {@code stable-diffusion-v2-512} predicts noise, {@code
 *       stable-diffusion-v2-768-v} velocity,
 *   <li>the family: Stable Diffusion 2.x predicts velocity, for its 768-pixel models do, and the others noise. A 512-pixel "base"
 *       model of 2.x that says nothing of itself is therefore taken for what it is not: give it a folder with its configs.
 * </ol>
 */
public final class SingleFileCheckpoint implements ModelSource {
    private static final Logger LOG = LoggerFactory.getLogger(SingleFileCheckpoint.class);
    private static final String UNET = "model.diffusion_model.";
    private static final String VAE = "first_stage_model.";
    private static final String CLIP = "cond_stage_model.transformer.";
    private static final String OPEN_CLIP = "cond_stage_model.model.";
    private static final String FIRST_OF_TWO = "conditioner.embedders.0.transformer.";
    private static final String SECOND_OF_TWO = "conditioner.embedders.1.model.";

    /** Layers of OpenCLIP ViT-H/14 without the last, which Stable Diffusion 2.x does not use and some tools do not write. */
    private static final int LAYERS_WITHOUT_LAST = 23;

    /** What training and other tools leave in files, and no network uses. */
    private static final Pattern UNUSED = Pattern.compile("model_ema\\..*|"
            + "betas|(sqrt_|log_)?(one_minus_)?alphas_cumprod(_prev)?|sqrt_recipm?1?_alphas_cumprod|posterior_.*|"
            + "lvlb_weights|logvar|denoiser\\.(log_)?sigmas|v_pred|ztsnr|"
            + "first_stage_model\\.(loss|model_ema)\\..*|"
            + "(cond_stage_model|conditioner\\.embedders\\.[01])\\.(model\\.|transformer\\.)?"
            + "(logit_scale|attn_mask|(text_model\\.)?embeddings\\.position_ids)|"
            + "(cond_stage_model|conditioner\\.embedders\\.0)\\.transformer\\.text_projection\\.weight");

    private final Path path;
    private final @Nullable DiffusersFolder configs;
    private final Architecture architecture;
    private final boolean velocity;
    private final boolean terminal;
    private final Map<String, TensorSource> components = new LinkedHashMap<>();
    private final Map<String, ModelConfig> derived = new LinkedHashMap<>();

    /** @param configs gives configs and tokenizers; null to derive them */
    SingleFileCheckpoint(
            Path path, TensorSource file, Map<String, String> metadata, @Nullable DiffusersFolder configs) {
        this.path = path;
        this.configs = configs;
        Set<String> names = file.names();
        refuseOtherKinds(file);
        boolean two = starts(names, SECOND_OF_TWO);
        Components parts = new Components(file);
        TensorSource unet = parts.unet();
        this.architecture = architecture(unet, two);
        if (configs != null && configs.architecture() != architecture) {
            throw new CheckpointException("%s is a %s, but its configs in %s are of a %s"
                    .formatted(
                            path,
                            architecture.title(),
                            configs.path(),
                            configs.architecture().title()));
        }
        this.velocity = velocity(names, metadata);
        this.terminal = names.contains("ztsnr");
        boolean openClip = starts(names, OPEN_CLIP);
        components.put("unet", unet);
        components.put("vae", parts.vae());
        if (two) {
            components.put("text_encoder", parts.clip("text_encoder", FIRST_OF_TWO));
            components.put("text_encoder_2", parts.openClip("text_encoder_2", SECOND_OF_TWO, -1, true));
        } else if (openClip) {
            components.put("text_encoder", parts.openClip("text_encoder", OPEN_CLIP, secondLayers(names), false));
        } else {
            components.put("text_encoder", parts.clip("text_encoder", CLIP));
        }
        parts.refuseUnknown();
        if (configs == null) {
            derive(openClip);
        }
    }

    /** What a file is that is no base model, or one of another kind. */
    private void refuseOtherKinds(TensorSource file) {
        Set<String> names = file.names();
        Map<String, String> others = new TreeMap<>(Map.of(
                "model.diffusion_model.joint_blocks.", "a Stable Diffusion 3 model",
                "model.diffusion_model.double_blocks.", "a Flux model",
                "conditioner.embedders.0.model.", "the refiner of SDXL",
                "control_model.", "a ControlNet",
                "edm_mean", "a model of the EDM formulation (edm_mean)",
                "edm_vpred.sigma_max", "a model of the EDM formulation (edm_vpred.sigma_max)"));
        others.forEach((start, kind) -> {
            if (starts(names, start)) {
                throw new UnsupportedModelException("%s: %s is not supported".formatted(path, kind));
            }
        });
        List<String> missing = new ArrayList<>();
        if (!starts(names, UNET)) {
            missing.add("no UNet (" + UNET + "*)");
        }
        if (!starts(names, VAE)) {
            missing.add("no autoencoder (" + VAE + "*)");
        }
        if (starts(names, SECOND_OF_TWO)
                ? !starts(names, FIRST_OF_TWO)
                : !starts(names, CLIP) && !starts(names, OPEN_CLIP)) {
            missing.add("no text encoder (cond_stage_model.* or conditioner.embedders.*)");
        }
        if (!missing.isEmpty()) {
            throw new CheckpointException("%s is no whole base model in the original layout: it has %s"
                    .formatted(path, String.join(", ", missing)));
        }
    }

    private Architecture architecture(TensorSource unet, boolean two) {
        Map<String, ShapeFacts.Fact> facts = ShapeFacts.of("unet", unet);
        ShapeFacts.Fact channels = facts.get("in_channels");
        if (channels != null && channels.value().asInt() != 4) {
            throw new UnsupportedModelException(
                    "%s: a UNet with in_channels = %s (%s), as for inpainting or depth, is not supported"
                            .formatted(path, channels.value(), channels.witness()));
        }
        boolean labels = facts.containsKey("projection_class_embeddings_input_dim");
        if (labels != two) {
            throw new UnsupportedModelException(path + ": a UNet " + (labels ? "with" : "without")
                    + " label_emb beside " + (two ? "two text encoders" : "one text encoder") + " is not supported");
        }
        if (two) {
            return Architecture.STABLE_DIFFUSION_XL;
        }
        ShapeFacts.Fact linear = facts.get("use_linear_projection");
        return linear != null && linear.value().asBoolean()
                ? Architecture.STABLE_DIFFUSION_2
                : Architecture.STABLE_DIFFUSION_1;
    }

    private boolean velocity(Set<String> names, Map<String, String> metadata) {
        if (names.contains("v_pred")) {
            return true;
        }
        String type = metadata.getOrDefault("modelspec.prediction_type", "").toLowerCase(Locale.ROOT);
        String specified = metadata.getOrDefault("modelspec.architecture", "").toLowerCase(Locale.ROOT);
        if (!type.isEmpty()) {
            return switch (type) {
                case "v", "v_prediction" -> true;
                case "epsilon" -> false;
                default ->
                    throw new UnsupportedModelException(
                            path + ": modelspec.prediction_type = " + type + " is not supported");
            };
        }
        if (specified.startsWith("stable-diffusion-v2-512") || specified.startsWith("stable-diffusion-v2-768-v")) {
            return specified.startsWith("stable-diffusion-v2-768-v");
        }
        boolean assumed = architecture == Architecture.STABLE_DIFFUSION_2;
        if (assumed && configs == null) {
            LOG.warn(
                    "{} does not say what it predicts: velocity is assumed, as of the 768-pixel models of Stable Diffusion 2.x;"
                            + " for a 512-pixel base model, which predicts noise, give a folder with its configs",
                    path);
        }
        return assumed;
    }

    /** How many layers of OpenCLIP's tower Stable Diffusion 2.x uses: all but the last. */
    private int secondLayers(Set<String> names) {
        List<String> tower = names.stream()
                .filter(name -> name.startsWith(OPEN_CLIP))
                .map(name -> name.substring(OPEN_CLIP.length()))
                .toList();
        int layers = OpenClipNames.layers(tower);
        if (configs != null) {
            int stated = configs.config("text_encoder").integer("num_hidden_layers");
            return stated == layers - 1 ? stated : layers;
        }
        return layers == LAYERS_WITHOUT_LAST ? layers : layers - 1;
    }

    private void derive(boolean openClip) {
        PublishedConfigs published = new PublishedConfigs(path, architecture);
        ModelConfig unet = published.unet(component("unet"), velocity);
        derived.put("unet", unet);
        derived.put("vae", published.vae(component("vae")));
        derived.put("text_encoder", published.text(component("text_encoder"), openClip));
        derived.put("scheduler", published.scheduler(velocity, terminal));
        if (architecture == Architecture.STABLE_DIFFUSION_XL) {
            ModelConfig second = published.text(component("text_encoder_2"), true);
            derived.put("text_encoder_2", second);
            PublishedConfigs.addTimeIds(unet, second.integer("projection_dim"));
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public Architecture architecture() {
        return architecture;
    }

    @Override
    public boolean has(String component) {
        return switch (component) {
            case "tokenizer", "scheduler" -> true;
            case "tokenizer_2" -> components.containsKey("text_encoder_2");
            default -> components.containsKey(component);
        };
    }

    @Override
    public ModelConfig config(String component) {
        if (configs != null) {
            return configs.config(component);
        }
        ModelConfig config = derived.get(component);
        if (config == null) {
            throw new CheckpointException(path + " has no " + component);
        }
        return config;
    }

    @Override
    public TensorSource weights(String component) {
        return new ConfiguredTensors(component(component), component, () -> config(component));
    }

    @Override
    public Path tokenizerFolder(String component) {
        if (!has(component) || !component.startsWith("tokenizer")) {
            throw new CheckpointException(path + " has no " + component);
        }
        if (configs != null && configs.has(component)) {
            return configs.tokenizerFolder(component);
        }
        boolean clip = component.equals("tokenizer") && architecture != Architecture.STABLE_DIFFUSION_2;
        return ClipVocabulary.folder(clip ? ClipVocabulary.END : ClipVocabulary.ZERO);
    }

    private TensorSource component(String component) {
        TensorSource weights = components.get(component);
        if (weights == null) {
            throw new CheckpointException(path + " has no " + component);
        }
        return weights;
    }

    private static boolean starts(Set<String> names, String start) {
        return names.stream().anyMatch(name -> name.startsWith(start));
    }

    /** Takes the file apart; each tensor is of one component, of no use, or unknown. */
    private static final class Components {
        private final TensorSource file;
        private final Set<String> unknown;

        Components(TensorSource file) {
            this.file = file;
            this.unknown = new TreeSet<>(file.names());
            this.unknown.removeIf(name -> UNUSED.matcher(name).matches());
        }

        TensorSource unet() {
            OriginalUNetNames names = OriginalUNetNames.ofWholeNetwork(under(UNET));
            return converted(
                    "unet",
                    UNET,
                    original -> single(names.toDiffusers(original), original, Form.SAME),
                    name -> names.toOriginal(name).orElse(name));
        }

        TensorSource vae() {
            OriginalVaeNames names = OriginalVaeNames.ofWholeNetwork(under(VAE));
            return converted(
                    "vae",
                    VAE,
                    original -> {
                        // attention is a convolution of one pixel there
                        Form form =
                                original.contains(".attn_1.") && original.endsWith(".weight") ? Form.FLAT : Form.SAME;
                        return single(names.toDiffusers(original), original, form);
                    },
                    name -> names.toOriginal(name).orElse(name));
        }

        /** CLIP in transformers' own names; some tools leave {@code text_model.} out. */
        TensorSource clip(String component, String start) {
            boolean whole = starts(file.names(), start + "text_model.");
            return converted(
                    component,
                    start,
                    original -> {
                        if (original.startsWith("text_model.") == whole) {
                            return Map.of(whole ? original : "text_model." + original, new Part(original, Form.SAME));
                        }
                        return Map.of();
                    },
                    name -> whole ? name : name.replaceFirst("^text_model\\.", ""));
        }

        /** @param layers how many are used; -1 for all */
        TensorSource openClip(String component, String start, int layers, boolean projected) {
            unknown.remove(projected ? "" : start + "text_projection");
            unknown.removeIf(
                    name -> name.startsWith(start) && OpenClipNames.isInLayer(name.substring(start.length()), layers));
            return converted(component, start, OpenClipNames::toTransformers, OpenClipNames::toOriginal);
        }

        private List<String> under(String start) {
            return unknown.stream()
                    .filter(name -> name.startsWith(start))
                    .map(name -> name.substring(start.length()))
                    .toList();
        }

        private static Map<String, Part> single(Optional<String> name, String original, Form form) {
            return name.map(known -> Map.of(known, new Part(original, form))).orElse(Map.of());
        }

        private TensorSource converted(
                String component,
                String start,
                Function<String, Map<String, Part>> parts,
                UnaryOperator<String> toOriginal) {
            Map<String, Part> all = new LinkedHashMap<>();
            for (String original : under(start)) {
                parts.apply(original).forEach((name, part) -> {
                    all.put(name, new Part(start + original, part.form()));
                    unknown.remove(start + original);
                });
            }
            return new ConvertedTensors(
                    file, file.describe() + " (" + component + ")", all, name -> start + toOriginal.apply(name));
        }

        void refuseUnknown() {
            if (!unknown.isEmpty()) {
                String more = unknown.size() > 8 ? " and " + (unknown.size() - 8) + " more" : "";
                throw new CheckpointException("%s has tensors that no part of a base model explains: %s%s"
                        .formatted(
                                file.describe(),
                                String.join(", ", unknown.stream().limit(8).toList()),
                                more));
            }
        }
    }
}
