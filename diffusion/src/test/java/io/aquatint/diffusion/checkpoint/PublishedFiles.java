package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The published models: their configs as they stand on the hub, and the tensors of their single files, without numbers. */
final class PublishedFiles {
    static final String UNET_1 = """
            {"_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": 8,
             "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false, "cross_attention_dim": 768,
             "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
             "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
             "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
             "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}""";
    static final String UNET_2 = """
            {"_class_name": "UNet2DConditionModel", "act_fn": "silu", "attention_head_dim": [5, 10, 20, 20],
             "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false, "cross_attention_dim": 1024,
             "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
             "downsample_padding": 1, "dual_cross_attention": false, "flip_sin_to_cos": true, "freq_shift": 0,
             "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05,
             "norm_num_groups": 32, "num_class_embeds": null, "only_cross_attention": false, "out_channels": 4,
             "sample_size": 96, "use_linear_projection": true, "upcast_attention": true,
             "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}""";
    static final String UNET_LARGE = """
            {"_class_name": "UNet2DConditionModel", "act_fn": "silu", "addition_embed_type": "text_time",
             "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256, "attention_head_dim": [5, 10, 20],
             "block_out_channels": [320, 640, 1280], "center_input_sample": false, "class_embed_type": null,
             "class_embeddings_concat": false, "conv_in_kernel": 3, "conv_out_kernel": 3, "cross_attention_dim": 2048,
             "cross_attention_norm": null, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D",
             "CrossAttnDownBlock2D"], "downsample_padding": 1, "dual_cross_attention": false, "encoder_hid_dim": null,
             "encoder_hid_dim_type": null, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4,
             "layers_per_block": 2, "mid_block_only_cross_attention": null, "mid_block_scale_factor": 1,
             "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-05, "norm_num_groups": 32,
             "num_attention_heads": null, "num_class_embeds": null, "only_cross_attention": false, "out_channels": 4,
             "projection_class_embeddings_input_dim": 2816, "resnet_out_scale_factor": 1.0,
             "resnet_skip_time_act": false, "resnet_time_scale_shift": "default", "sample_size": 128,
             "time_cond_proj_dim": null, "time_embedding_act_fn": null, "time_embedding_dim": null,
             "time_embedding_type": "positional", "timestep_post_act": null, "transformer_layers_per_block": [1, 2, 10],
             "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "upcast_attention": null,
             "use_linear_projection": true}""";
    static final String VAE = """
            {"_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
             "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D",
             "DownEncoderBlock2D"], "in_channels": 3, "latent_channels": 4, "layers_per_block": 2,
             "norm_num_groups": 32, "out_channels": 3, "sample_size": 512, "up_block_types": ["UpDecoderBlock2D",
             "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"], "scaling_factor": %s}""";
    static final String CLIP_L = """
            {"architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "bos_token_id": 0, "dropout": 0.0,
             "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768, "initializer_factor": 1.0,
             "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
             "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12,
             "num_hidden_layers": 12, "pad_token_id": 1, "projection_dim": 768, "vocab_size": 49408}""";
    static final String CLIP_H = """
            {"architectures": ["CLIPTextModel"], "eos_token_id": 2, "hidden_act": "gelu", "hidden_size": 1024,
             "intermediate_size": 4096, "layer_norm_eps": 1e-05, "max_position_embeddings": 77,
             "num_attention_heads": 16, "num_hidden_layers": 23, "projection_dim": 512, "vocab_size": 49408}""";
    static final String CLIP_G = """
            {"architectures": ["CLIPTextModelWithProjection"], "eos_token_id": 2, "hidden_act": "gelu",
             "hidden_size": 1280, "intermediate_size": 5120, "layer_norm_eps": 1e-05, "max_position_embeddings": 77,
             "num_attention_heads": 20, "num_hidden_layers": 32, "projection_dim": 1280, "vocab_size": 49408}""";

    private PublishedFiles() {}

    static ModelConfig config(String json) {
        try {
            return ModelConfig.derived(
                    Path.of("published/config.json"), (ObjectNode) new ObjectMapper().readTree(json));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static Map<String, List<Long>> first() {
        Map<String, List<Long>> file = new LinkedHashMap<>();
        addUNet(file, UNET_1);
        addVae(file);
        text(CLIP_L).forEach((name, shape) -> file.put("cond_stage_model.transformer." + name, shape));
        return file;
    }

    /** With all 24 layers of the text encoder, of which 23 are used. */
    static Map<String, List<Long>> second() {
        Map<String, List<Long>> file = new LinkedHashMap<>();
        addUNet(file, UNET_2);
        addVae(file);
        addOpenClip(
                file,
                "cond_stage_model.model.",
                CLIP_H.replace("\"num_hidden_layers\": 23", "\"num_hidden_layers\": 24"));
        file.put("cond_stage_model.model.text_projection", List.of(1024L, 1024L));
        file.put("cond_stage_model.model.logit_scale", List.of());
        return file;
    }

    static Map<String, List<Long>> large() {
        Map<String, List<Long>> file = new LinkedHashMap<>();
        addUNet(file, UNET_LARGE);
        addVae(file);
        text(CLIP_L).forEach((name, shape) -> file.put("conditioner.embedders.0.transformer." + name, shape));
        addOpenClip(file, "conditioner.embedders.1.model.", CLIP_G);
        file.put("conditioner.embedders.1.model.logit_scale", List.of());
        return file;
    }

    /** A file with these tensors, none of which can be read. */
    static SingleFileCheckpoint source(Map<String, List<Long>> shapes, Map<String, String> metadata) {
        TensorSource file = new TensorSource() {
            @Override
            public Set<String> names() {
                return shapes.keySet();
            }

            @Override
            public TensorInfo info(String name) {
                return new TensorInfo(DType.F16, shapes.get(name));
            }

            @Override
            public TensorData read(String name) {
                throw new UnsupportedOperationException("there are no numbers");
            }

            @Override
            public String describe() {
                return "published.safetensors";
            }
        };
        return new SingleFileCheckpoint(Path.of("published.safetensors"), file, metadata, null);
    }

    private static void addUNet(Map<String, List<Long>> file, String json) {
        UNet2DConditionConfig config = UNet2DConditionConfig.from(config(json));
        Graph graph = new Graph();
        boolean large = config.takesTextAndTime();
        graph.returns(new UNet2DConditionModel(config)
                .forward(
                        graph,
                        graph.input("sample"),
                        graph.input("timestep"),
                        graph.input("context"),
                        large ? graph.input("text_embeds") : null,
                        large ? graph.input("time_ids") : null));
        OriginalUNetNames names = OriginalUNetNames.of(config(json));
        graph.weightShapes()
                .forEach((name, shape) -> file.put(
                        "model.diffusion_model." + names.toOriginal(name).orElseThrow(), shape));
    }

    private static void addVae(Map<String, List<Long>> file) {
        AutoencoderKl vae = new AutoencoderKl(AutoencoderKlConfig.from(config(VAE.formatted("0.18215"))));
        Graph graph = new Graph();
        vae.encode(graph, graph.input("image"));
        vae.decode(graph, graph.input("latent"));
        OriginalVaeNames names = OriginalVaeNames.ofWholeNetwork(List.of("encoder.down.3.block.0.norm1.weight"));
        graph.weightShapes().forEach((name, shape) -> {
            List<Long> stored = new ArrayList<>(shape);
            if (name.contains("attentions") && shape.size() == 2) {
                stored.addAll(List.of(1L, 1L));
            }
            file.put("first_stage_model." + names.toOriginal(name).orElseThrow(), stored);
        });
    }

    private static void addOpenClip(Map<String, List<Long>> file, String start, String json) {
        text(json).forEach((name, shape) -> {
            String original = OpenClipNames.toOriginal(name);
            List<Long> stored = new ArrayList<>(shape);
            if (original.contains("in_proj")) {
                stored.set(0, 3 * shape.get(0));
            }
            file.put(start + original, stored);
        });
    }

    private static Map<String, List<Long>> text(String json) {
        Graph graph = new Graph();
        new ClipTextModel(ClipTextConfig.from(config(json))).forward(graph, graph.input("input_ids"));
        return graph.weightShapes();
    }
}
