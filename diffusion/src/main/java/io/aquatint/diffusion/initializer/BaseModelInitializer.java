package io.aquatint.diffusion.initializer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Creates base models in diffusers layout with random weights: Stable Diffusion's topology with few channels. What they draw is
 * noise until they are trained; everything else works as with a real model. The same seed gives the same bytes.
 */
public final class BaseModelInitializer {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final String DIFFUSERS_VERSION = "0.30.0";
    private static final int MERGES = 500;

    private BaseModelInitializer() {}

    /** Writes a model of {@link ModelDesign#SMALL}, about 10 MB, unless the folder holds one already. */
    public static void create(Path folder, long seed) {
        try {
            create(folder, ModelDesign.SMALL, InitialTokenizer.learn(words(), MERGES), seed);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create a base model in " + folder, e);
        }
    }

    /**
     * Writes a model whose vocabulary has each of the given words as one token, unless the folder holds one already.
     *
     * @param words lower case, letters a to z
     */
    public static void create(Path folder, ModelDesign design, List<String> words, long seed) {
        try {
            create(folder, design, InitialTokenizer.learn(words, Integer.MAX_VALUE), seed);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create a base model in " + folder, e);
        }
    }

    /** {@code model_index.json} comes last, so a folder that has it is whole. */
    private static void create(Path folder, ModelDesign design, InitialTokenizer tokenizer, long seed)
            throws IOException {
        Path index = folder.resolve("model_index.json");
        if (Files.exists(index)) {
            return;
        }
        writeTokenizer(Files.createDirectories(folder.resolve("tokenizer")), tokenizer, design.tokens());
        writeTextEncoder(Files.createDirectories(folder.resolve("text_encoder")), design, tokenizer, seed);
        writeVae(Files.createDirectories(folder.resolve("vae")), design, seed);
        writeUNet(Files.createDirectories(folder.resolve("unet")), design, seed);
        Path scheduler = Files.createDirectories(folder.resolve("scheduler"));
        write(scheduler.resolve("scheduler_config.json"), scheduler(design));
        write(index, modelIndex());
    }

    private static List<String> words() throws IOException {
        try (InputStream words =
                Objects.requireNonNull(BaseModelInitializer.class.getResourceAsStream("words.txt"), "words.txt")) {
            return List.of(new String(words.readAllBytes(), StandardCharsets.UTF_8)
                    .strip()
                    .split("\\s+"));
        }
    }

    private static void writeTokenizer(Path folder, InitialTokenizer tokenizer, int tokens) throws IOException {
        write(folder.resolve("vocab.json"), tokenizer.vocabulary());
        Files.writeString(
                folder.resolve("merges.txt"), "#version: 0.2\n" + String.join("\n", tokenizer.merges()) + "\n");
        Map<String, Object> special = new LinkedHashMap<>();
        special.put("bos_token", InitialTokenizer.BEGIN);
        special.put("eos_token", InitialTokenizer.END);
        special.put("unk_token", InitialTokenizer.END);
        special.put("pad_token", InitialTokenizer.END);
        write(folder.resolve("special_tokens_map.json"), special);
        Map<String, Object> config = new LinkedHashMap<>(special);
        config.put("tokenizer_class", "CLIPTokenizer");
        config.put("model_max_length", tokens);
        config.put("do_lower_case", true);
        write(folder.resolve("tokenizer_config.json"), config);
    }

    /** As transformers' CLIPTextModel initialises itself. */
    private static void writeTextEncoder(Path folder, ModelDesign design, InitialTokenizer tokenizer, long seed)
            throws IOException {
        int textSize = design.textSize();
        int vocabulary = tokenizer.vocabulary().size();
        InitialWeights weights = new InitialWeights(seed);
        InitialWeights text = weights.scope("text_model");
        text.normal("embeddings.token_embedding.weight", 0.02, vocabulary, textSize);
        text.normal("embeddings.position_embedding.weight", 0.02, design.tokens(), textSize);
        double size = 1 / Math.sqrt(textSize);
        double depth = 1 / Math.sqrt(2.0 * design.textLayers());
        for (int number = 0; number < design.textLayers(); number++) {
            InitialWeights layer = text.scope("encoder.layers." + number);
            layer.normalLinear("self_attn.q_proj", textSize, textSize, size * depth);
            layer.normalLinear("self_attn.k_proj", textSize, textSize, size * depth);
            layer.normalLinear("self_attn.v_proj", textSize, textSize, size * depth);
            layer.normalLinear("self_attn.out_proj", textSize, textSize, size);
            layer.norm("layer_norm1", textSize);
            layer.normalLinear("mlp.fc1", textSize, 4 * textSize, size / Math.sqrt(2));
            layer.normalLinear("mlp.fc2", 4 * textSize, textSize, size * depth);
            layer.norm("layer_norm2", textSize);
        }
        text.norm("final_layer_norm", textSize);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("CLIPTextModel"));
        config.put("model_type", "clip_text_model");
        config.put("vocab_size", vocabulary);
        config.put("hidden_size", textSize);
        config.put("intermediate_size", 4 * textSize);
        config.put("projection_dim", textSize);
        config.put("num_hidden_layers", design.textLayers());
        config.put("num_attention_heads", design.textHeads());
        config.put("max_position_embeddings", design.tokens());
        config.put("hidden_act", "quick_gelu");
        config.put("layer_norm_eps", 1e-5);
        config.put("bos_token_id", tokenizer.vocabulary().get(InitialTokenizer.BEGIN));
        config.put("eos_token_id", tokenizer.vocabulary().get(InitialTokenizer.END));
        config.put("pad_token_id", tokenizer.vocabulary().get(InitialTokenizer.END));
        write(folder.resolve("config.json"), config);
        write(folder.resolve("model.safetensors"), weights);
    }

    private static void writeVae(Path folder, ModelDesign design, long seed) throws IOException {
        InitialWeights weights = new InitialWeights(seed);
        new InitialVae(design).write(weights);
        int levels = design.vaeChannels().size();
        Map<String, Object> config = diffusersConfig("AutoencoderKL");
        config.put("act_fn", "silu");
        config.put("block_out_channels", design.vaeChannels());
        config.put("down_block_types", Collections.nCopies(levels, "DownEncoderBlock2D"));
        config.put("up_block_types", Collections.nCopies(levels, "UpDecoderBlock2D"));
        config.put("in_channels", 3);
        config.put("out_channels", 3);
        config.put("latent_channels", 4);
        config.put("layers_per_block", design.vaeLayers());
        config.put("norm_num_groups", design.vaeGroups());
        config.put("sample_size", design.resolution());
        config.put("scaling_factor", design.scalingFactor());
        write(folder.resolve("config.json"), config);
        write(folder.resolve("diffusion_pytorch_model.safetensors"), weights);
    }

    private static void writeUNet(Path folder, ModelDesign design, long seed) throws IOException {
        InitialWeights weights = new InitialWeights(seed);
        new InitialUNet(design).write(weights);
        int levels = design.unetChannels().size();
        List<String> down = new ArrayList<>(Collections.nCopies(levels, "CrossAttnDownBlock2D"));
        List<String> up = new ArrayList<>(Collections.nCopies(levels, "CrossAttnUpBlock2D"));
        if (!design.lastLevelAttention()) {
            down.set(levels - 1, "DownBlock2D");
            up.set(0, "UpBlock2D");
        }
        Map<String, Object> config = diffusersConfig("UNet2DConditionModel");
        config.put("act_fn", "silu");
        boolean alike = design.unetHeads().stream().distinct().count() == 1; // only Stable Diffusion 2 has a list
        config.put("attention_head_dim", alike ? design.unetHeads().get(0) : design.unetHeads());
        config.put("block_out_channels", design.unetChannels());
        config.put("center_input_sample", false);
        config.put("cross_attention_dim", design.textSize());
        config.put("down_block_types", down);
        config.put("mid_block_type", "UNetMidBlock2DCrossAttn");
        config.put("up_block_types", up);
        config.put("downsample_padding", 1);
        config.put("flip_sin_to_cos", true);
        config.put("freq_shift", 0);
        config.put("in_channels", 4);
        config.put("out_channels", 4);
        config.put("layers_per_block", design.unetLayers());
        config.put("mid_block_scale_factor", 1);
        config.put("norm_eps", 1e-5);
        config.put("norm_num_groups", design.unetGroups());
        config.put("sample_size", design.resolution() / design.factor());
        write(folder.resolve("config.json"), config);
        write(folder.resolve("diffusion_pytorch_model.safetensors"), weights);
    }

    private static Map<String, Object> scheduler(ModelDesign design) {
        Map<String, Object> config = diffusersConfig("DDIMScheduler");
        config.put("beta_start", design.betaStart());
        config.put("beta_end", design.betaEnd());
        config.put("beta_schedule", design.betaSchedule());
        config.put("num_train_timesteps", 1000);
        config.put("prediction_type", design.predictionType());
        config.put("clip_sample", false);
        config.put("set_alpha_to_one", false);
        config.put("steps_offset", 1);
        config.put("timestep_spacing", "leading");
        return config;
    }

    private static Map<String, Object> modelIndex() {
        Map<String, Object> index = diffusersConfig("StableDiffusionPipeline");
        List<Object> none = Collections.nCopies(2, null);
        index.put("feature_extractor", none);
        index.put("image_encoder", none);
        index.put("requires_safety_checker", false);
        index.put("safety_checker", none);
        index.put("scheduler", List.of("diffusers", "DDIMScheduler"));
        index.put("text_encoder", List.of("transformers", "CLIPTextModel"));
        index.put("tokenizer", List.of("transformers", "CLIPTokenizer"));
        index.put("unet", List.of("diffusers", "UNet2DConditionModel"));
        index.put("vae", List.of("diffusers", "AutoencoderKL"));
        return index;
    }

    private static Map<String, Object> diffusersConfig(String name) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("_class_name", name);
        config.put("_diffusers_version", DIFFUSERS_VERSION);
        return config;
    }

    private static void write(Path file, Map<String, ?> json) throws IOException {
        Files.write(file, JSON.writeValueAsBytes(json));
    }

    private static void write(Path file, InitialWeights weights) {
        Map<String, TensorData> tensors = weights.tensors();
        SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    }
}
