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
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Creates a small base model in diffusers layout: Stable Diffusion 1.5's topology with few channels and random weights, about
 * 10 MB. What it draws is noise until it is trained; everything else works as with a real model. The same seed gives the same
 * bytes.
 */
public final class BaseModelInitializer {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final String DIFFUSERS_VERSION = "0.30.0";
    private static final int MERGES = 500;
    private static final int[] UNET_CHANNELS = {32, 64, 64, 64};
    private static final int[] VAE_CHANNELS = {32, 32, 64, 64};
    private static final int TEXT_SIZE = 64;
    private static final int TEXT_LAYERS = 3;
    private static final int TEXT_HEADS = 4;
    private static final int TOKENS = 77;
    /** What gives latents of photographs a deviation of about 1 with these random weights. */
    private static final double SCALING_FACTOR = 4.8;

    private BaseModelInitializer() {}

    /**
     * Writes the model, unless the folder holds one already. {@code model_index.json} comes last, so a folder that has it is whole.
     *
     * @param folder is made if it is not there
     */
    public static void create(Path folder, long seed) {
        Path index = folder.resolve("model_index.json");
        if (Files.exists(index)) {
            return;
        }
        try {
            InitialTokenizer tokenizer = InitialTokenizer.learn(words(), MERGES);
            writeTokenizer(Files.createDirectories(folder.resolve("tokenizer")), tokenizer);
            writeTextEncoder(Files.createDirectories(folder.resolve("text_encoder")), tokenizer, seed);
            writeVae(Files.createDirectories(folder.resolve("vae")), seed);
            writeUNet(Files.createDirectories(folder.resolve("unet")), seed);
            write(Files.createDirectories(folder.resolve("scheduler")).resolve("scheduler_config.json"), scheduler());
            write(index, modelIndex());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create a base model in " + folder, e);
        }
    }

    private static List<String> words() throws IOException {
        try (InputStream words =
                Objects.requireNonNull(BaseModelInitializer.class.getResourceAsStream("words.txt"), "words.txt")) {
            return List.of(new String(words.readAllBytes(), StandardCharsets.UTF_8)
                    .strip()
                    .split("\\s+"));
        }
    }

    private static void writeTokenizer(Path folder, InitialTokenizer tokenizer) throws IOException {
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
        config.put("model_max_length", TOKENS);
        config.put("do_lower_case", true);
        write(folder.resolve("tokenizer_config.json"), config);
    }

    /** As transformers' CLIPTextModel initialises itself. */
    private static void writeTextEncoder(Path folder, InitialTokenizer tokenizer, long seed) throws IOException {
        int vocabulary = tokenizer.vocabulary().size();
        InitialWeights weights = new InitialWeights(seed);
        InitialWeights text = weights.scope("text_model");
        text.normal("embeddings.token_embedding.weight", 0.02, vocabulary, TEXT_SIZE);
        text.normal("embeddings.position_embedding.weight", 0.02, TOKENS, TEXT_SIZE);
        double size = 1 / Math.sqrt(TEXT_SIZE);
        double depth = 1 / Math.sqrt(2.0 * TEXT_LAYERS);
        for (int number = 0; number < TEXT_LAYERS; number++) {
            InitialWeights layer = text.scope("encoder.layers." + number);
            layer.normalLinear("self_attn.q_proj", TEXT_SIZE, TEXT_SIZE, size * depth);
            layer.normalLinear("self_attn.k_proj", TEXT_SIZE, TEXT_SIZE, size * depth);
            layer.normalLinear("self_attn.v_proj", TEXT_SIZE, TEXT_SIZE, size * depth);
            layer.normalLinear("self_attn.out_proj", TEXT_SIZE, TEXT_SIZE, size);
            layer.norm("layer_norm1", TEXT_SIZE);
            layer.normalLinear("mlp.fc1", TEXT_SIZE, 4 * TEXT_SIZE, size / Math.sqrt(2));
            layer.normalLinear("mlp.fc2", 4 * TEXT_SIZE, TEXT_SIZE, size * depth);
            layer.norm("layer_norm2", TEXT_SIZE);
        }
        text.norm("final_layer_norm", TEXT_SIZE);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("CLIPTextModel"));
        config.put("model_type", "clip_text_model");
        config.put("vocab_size", vocabulary);
        config.put("hidden_size", TEXT_SIZE);
        config.put("intermediate_size", 4 * TEXT_SIZE);
        config.put("projection_dim", TEXT_SIZE);
        config.put("num_hidden_layers", TEXT_LAYERS);
        config.put("num_attention_heads", TEXT_HEADS);
        config.put("max_position_embeddings", TOKENS);
        config.put("hidden_act", "quick_gelu");
        config.put("layer_norm_eps", 1e-5);
        config.put("bos_token_id", tokenizer.vocabulary().get(InitialTokenizer.BEGIN));
        config.put("eos_token_id", tokenizer.vocabulary().get(InitialTokenizer.END));
        config.put("pad_token_id", tokenizer.vocabulary().get(InitialTokenizer.END));
        write(folder.resolve("config.json"), config);
        write(folder.resolve("model.safetensors"), weights);
    }

    private static void writeVae(Path folder, long seed) throws IOException {
        InitialWeights weights = new InitialWeights(seed);
        new InitialVae(VAE_CHANNELS).write(weights);
        int levels = VAE_CHANNELS.length;
        Map<String, Object> config = diffusersConfig("AutoencoderKL");
        config.put("act_fn", "silu");
        config.put("block_out_channels", VAE_CHANNELS);
        config.put("down_block_types", Collections.nCopies(levels, "DownEncoderBlock2D"));
        config.put("up_block_types", Collections.nCopies(levels, "UpDecoderBlock2D"));
        config.put("in_channels", 3);
        config.put("out_channels", 3);
        config.put("latent_channels", 4);
        config.put("layers_per_block", 2);
        config.put("norm_num_groups", 32);
        config.put("sample_size", 64);
        config.put("scaling_factor", SCALING_FACTOR);
        write(folder.resolve("config.json"), config);
        write(folder.resolve("diffusion_pytorch_model.safetensors"), weights);
    }

    private static void writeUNet(Path folder, long seed) throws IOException {
        InitialWeights weights = new InitialWeights(seed);
        new InitialUNet(UNET_CHANNELS, TEXT_SIZE).write(weights);
        String down = "CrossAttnDownBlock2D";
        String up = "CrossAttnUpBlock2D";
        Map<String, Object> config = diffusersConfig("UNet2DConditionModel");
        config.put("act_fn", "silu");
        config.put("attention_head_dim", 8);
        config.put("block_out_channels", UNET_CHANNELS);
        config.put("center_input_sample", false);
        config.put("cross_attention_dim", TEXT_SIZE);
        config.put("down_block_types", List.of(down, down, down, "DownBlock2D"));
        config.put("mid_block_type", "UNetMidBlock2DCrossAttn");
        config.put("up_block_types", List.of("UpBlock2D", up, up, up));
        config.put("downsample_padding", 1);
        config.put("flip_sin_to_cos", true);
        config.put("freq_shift", 0);
        config.put("in_channels", 4);
        config.put("out_channels", 4);
        config.put("layers_per_block", 2);
        config.put("mid_block_scale_factor", 1);
        config.put("norm_eps", 1e-5);
        config.put("norm_num_groups", 32);
        config.put("sample_size", 8);
        write(folder.resolve("config.json"), config);
        write(folder.resolve("diffusion_pytorch_model.safetensors"), weights);
    }

    private static Map<String, Object> scheduler() {
        Map<String, Object> config = diffusersConfig("DDIMScheduler");
        config.put("beta_start", 0.00085);
        config.put("beta_end", 0.012);
        config.put("beta_schedule", "scaled_linear");
        config.put("num_train_timesteps", 1000);
        config.put("prediction_type", "epsilon");
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
