package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.Map;

/**
 * Configs for a file that has none: what its shapes say, and for the rest what the published models of its family have
 * (stable-diffusion-v1-5, stable-diffusion-2-1, stable-diffusion-xl-base-1.0).
 */
final class PublishedConfigs {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /** Channels of an attention head in Stable Diffusion 2.x's and SDXL's UNet, and in every CLIP text encoder. */
    private static final int HEAD_CHANNELS = 64;

    /** Attention heads of each level of Stable Diffusion 1.x's UNet. */
    private static final int HEADS_OF_FIRST = 8;

    private final Path file;
    private final Architecture architecture;

    PublishedConfigs(Path file, Architecture architecture) {
        this.file = file;
        this.architecture = architecture;
    }

    /** @throws CheckpointException where tensors are missing without which nothing is known */
    ModelConfig unet(TensorSource weights, boolean velocity) {
        ObjectNode config = of("unet", weights);
        require(config, "unet", "in_channels", "out_channels", "block_out_channels", "cross_attention_dim");
        config.put("_class_name", "UNet2DConditionModel");
        config.replace("transformer_layers_per_block", knownOrOne(config.path("transformer_layers_per_block")));
        config.put("act_fn", "silu").put("norm_num_groups", 32).put("norm_eps", 1e-5);
        config.put("flip_sin_to_cos", true).put("freq_shift", 0).put("downsample_padding", 1);
        JsonNode channels = config.path("block_out_channels");
        switch (architecture) {
            case STABLE_DIFFUSION_1 ->
                config.put("attention_head_dim", HEADS_OF_FIRST).put("sample_size", 64);
            case STABLE_DIFFUSION_2 -> {
                config.replace("attention_head_dim", heads(channels));
                config.put("sample_size", velocity ? 96 : 64);
            }
            case STABLE_DIFFUSION_XL -> {
                config.replace("attention_head_dim", heads(channels));
                config.put("sample_size", 128);
            }
        }
        return ModelConfig.derived(file, config);
    }

    /**
     * Adds what SDXL's UNet takes besides the prompt: the pooled text and six time ids, each embedded.
     *
     * @param pooledChannels channels of the pooled text
     */
    static void addTimeIds(ModelConfig unet, int pooledChannels) {
        int ids = unet.integer("projection_class_embeddings_input_dim") - pooledChannels;
        if (ids <= 0 || ids % 6 != 0) {
            throw new CheckpointException(
                    "%s: projection_class_embeddings_input_dim = %d by label_emb.0.0.weight is not"
                                    .formatted(unet.path(), ids + pooledChannels)
                            + " %d channels of pooled text and six time ids".formatted(pooledChannels));
        }
        ((ObjectNode) unet.root()).put("addition_time_embed_dim", ids / 6);
    }

    ModelConfig vae(TensorSource weights) {
        ObjectNode config = of("vae", weights);
        require(config, "vae", "in_channels", "out_channels", "latent_channels", "block_out_channels");
        boolean large = architecture == Architecture.STABLE_DIFFUSION_XL;
        config.put("_class_name", "AutoencoderKL").put("act_fn", "silu").put("norm_num_groups", 32);
        int levels = config.path("block_out_channels").size();
        for (int level = 0; level < levels; level++) {
            config.withArray("down_block_types").add("DownEncoderBlock2D");
            config.withArray("up_block_types").add("UpDecoderBlock2D");
        }
        config.put("scaling_factor", large ? 0.13025 : 0.18215);
        config.put("force_upcast", true);
        return ModelConfig.derived(file, config);
    }

    /** @param openClip whether the encoder is one of OpenCLIP's, which compute an exact GELU */
    ModelConfig text(TensorSource weights, boolean openClip) {
        ObjectNode config = of("text_encoder", weights);
        require(config, "text_encoder", "vocab_size", "hidden_size", "max_position_embeddings", "intermediate_size");
        boolean projected = config.has("projection_dim");
        config.putArray("architectures").add(projected ? "CLIPTextModelWithProjection" : "CLIPTextModel");
        int hidden = config.path("hidden_size").asInt();
        config.put("num_attention_heads", heads(hidden));
        config.put("hidden_act", openClip ? "gelu" : "quick_gelu");
        config.put("layer_norm_eps", 1e-5).put("eos_token_id", 2);
        config.put("model_type", "clip_text_model").put("bos_token_id", 0).put("pad_token_id", 1);
        return ModelConfig.derived(file, config);
    }

    /** @param terminal whether the schedule was rescaled so that nothing of the signal is left at its end */
    ModelConfig scheduler(boolean velocity, boolean terminal) {
        ObjectNode config = JSON.objectNode();
        config.put("_class_name", "DDIMScheduler").put("num_train_timesteps", 1000);
        config.put("beta_start", 0.00085).put("beta_end", 0.012).put("beta_schedule", "scaled_linear");
        config.put("clip_sample", false).put("set_alpha_to_one", false).put("steps_offset", 1);
        config.put("timestep_spacing", "leading").put("rescale_betas_zero_snr", terminal);
        config.put("prediction_type", velocity ? "v_prediction" : "epsilon");
        return ModelConfig.derived(file, config);
    }

    private static ObjectNode of(String component, TensorSource weights) {
        ObjectNode config = JSON.objectNode();
        for (Map.Entry<String, ShapeFacts.Fact> fact :
                ShapeFacts.of(component, weights).entrySet()) {
            config.set(fact.getKey(), fact.getValue().value());
        }
        return config;
    }

    private void require(ObjectNode config, String component, String... keys) {
        for (String key : keys) {
            JsonNode value = config.path(key);
            boolean hole = value.isArray() && value.valueStream().anyMatch(JsonNode::isNull);
            if (value.isMissingNode() || hole) {
                throw new CheckpointException(
                        "%s: the tensors do not show the %s's %s, for some are missing; give a folder with its config"
                                .formatted(file, component, key));
            }
        }
    }

    private static ArrayNode knownOrOne(JsonNode depths) {
        ArrayNode known = JSON.arrayNode();
        depths.forEach(depth -> known.add(depth.isNull() ? JSON.numberNode(1) : depth));
        return known;
    }

    private ArrayNode heads(JsonNode channels) {
        ArrayNode heads = JSON.arrayNode();
        channels.forEach(count -> heads.add(heads(count.asInt())));
        return heads;
    }

    private int heads(int channels) {
        if (channels < HEAD_CHANNELS || channels % HEAD_CHANNELS != 0) {
            throw new CheckpointException(
                    ("%s: %d channels are no multiple of the %d that an attention head of the published"
                                    + " models has, so the number of heads is not known; give a folder with the model's configs")
                            .formatted(file, channels, HEAD_CHANNELS));
        }
        return channels / HEAD_CHANNELS;
    }
}
