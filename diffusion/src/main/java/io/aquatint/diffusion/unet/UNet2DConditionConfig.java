package io.aquatint.diffusion.unet;

import io.aquatint.diffusion.checkpoint.ModelConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * The architecture of a {@link UNet2DConditionModel}, from its {@code config.json}.
 *
 * @param heads attention heads of each level (diffusers' {@code attention_head_dim}, which in spite of its name is their number)
 * @param transformerLayers transformer blocks in each attention of each level going down
 * @param upTransformerLayers the same going up
 * @param crossAttentionDim channels of the encoded prompt
 * @param timeIdChannels channels of each time id's embedding (SDXL), 0 without
 * @param addedChannels channels of the pooled text and all time ids' embeddings together, 0 without
 */
public record UNet2DConditionConfig(
        int inChannels,
        int outChannels,
        List<Integer> blockOutChannels,
        List<Boolean> downAttention,
        List<Boolean> upAttention,
        boolean midAttention,
        List<Integer> layersPerBlock,
        List<Integer> heads,
        List<Integer> transformerLayers,
        List<Integer> upTransformerLayers,
        boolean linearProjection,
        int normGroups,
        double normEpsilon,
        int downsamplePadding,
        boolean flipSinToCos,
        double frequencyShift,
        int crossAttentionDim,
        int timeIdChannels,
        int addedChannels,
        int sampleSize) {

    private static final String CROSS_DOWN = "CrossAttnDownBlock2D";
    private static final String CROSS_UP = "CrossAttnUpBlock2D";

    /** Whether the network takes pooled text and time ids besides the context, as SDXL's does. */
    public boolean takesTextAndTime() {
        return timeIdChannels > 0;
    }

    /** @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException for what is not implemented, by name */
    public static UNet2DConditionConfig from(ModelConfig json) {
        json.supports("_class_name", "UNet2DConditionModel");
        json.supports("act_fn", "silu");
        json.supports("time_embedding_type", "positional");
        json.supports("resnet_time_scale_shift", "default");
        json.supports("attention_type", "default");
        json.supports("resnet_out_scale_factor", 1.0);
        json.supports("mid_block_scale_factor", 1);
        json.supports("dropout", 0.0);
        json.supports("conv_in_kernel", 3);
        json.supports("conv_out_kernel", 3);
        for (String flag : List.of(
                "center_input_sample",
                "dual_cross_attention",
                "only_cross_attention",
                "mid_block_only_cross_attention",
                "class_embeddings_concat",
                "resnet_skip_time_act")) {
            json.supports(flag, false);
        }
        for (String key : List.of(
                "num_attention_heads", // diffusers refuses it too
                "class_embed_type",
                "num_class_embeds",
                "encoder_hid_dim",
                "encoder_hid_dim_type",
                "time_cond_proj_dim",
                "time_embedding_dim",
                "time_embedding_act_fn",
                "timestep_post_act",
                "cross_attention_norm")) {
            json.supportsNo(key);
        }
        if (json.has("addition_embed_type")) {
            json.supports("addition_embed_type", "text_time");
        }
        List<String> down = json.texts("down_block_types");
        List<String> up = json.texts("up_block_types");
        int levels = down.size();
        if (!down.stream().allMatch(type -> type.equals(CROSS_DOWN) || type.equals("DownBlock2D"))) {
            throw json.unsupported("down_block_types");
        }
        if (up.size() != levels || !up.stream().allMatch(type -> type.equals(CROSS_UP) || type.equals("UpBlock2D"))) {
            throw json.unsupported("up_block_types");
        }
        String mid = json.isNull("mid_block_type") ? "" : json.text("mid_block_type", "UNetMidBlock2DCrossAttn");
        if (!mid.equals("UNetMidBlock2DCrossAttn") && !mid.equals("UNetMidBlock2D")) {
            throw json.unsupported("mid_block_type");
        }
        List<Integer> transformerLayers = json.has("transformer_layers_per_block")
                ? json.layersOfBlocks("transformer_layers_per_block", levels)
                : Collections.nCopies(levels, 1);
        List<Integer> upTransformerLayers;
        if (json.has("reverse_transformer_layers_per_block")) {
            upTransformerLayers = json.layersOfBlocks("reverse_transformer_layers_per_block", levels);
        } else {
            upTransformerLayers = new ArrayList<>(transformerLayers);
            Collections.reverse(upTransformerLayers);
        }
        List<Integer> channels = json.integers("block_out_channels", levels);
        List<Integer> heads = json.has("attention_head_dim")
                ? json.integers("attention_head_dim", levels)
                : Collections.nCopies(levels, 8);
        int groups = json.integer("norm_num_groups", 32);
        json.checkDivides("norm_num_groups", groups, "block_out_channels", channels);
        for (int level = 0; level < levels; level++) {
            json.checkDivides(
                    "attention_head_dim", heads.get(level), "block_out_channels", List.of(channels.get(level)));
        }
        return new UNet2DConditionConfig(
                json.integer("in_channels", 4),
                json.integer("out_channels", 4),
                channels,
                down.stream().map(CROSS_DOWN::equals).toList(),
                up.stream().map(CROSS_UP::equals).toList(),
                mid.equals("UNetMidBlock2DCrossAttn"),
                json.layersOfBlocks("layers_per_block", levels),
                heads,
                transformerLayers,
                upTransformerLayers,
                json.flag("use_linear_projection", false),
                groups,
                json.number("norm_eps", 1e-5),
                json.integer("downsample_padding", 1),
                json.flag("flip_sin_to_cos", true),
                json.number("freq_shift", 0),
                json.integer("cross_attention_dim", 1280),
                json.has("addition_embed_type") ? json.integer("addition_time_embed_dim") : 0,
                json.has("addition_embed_type") ? json.integer("projection_class_embeddings_input_dim") : 0,
                json.integer("sample_size", 64));
    }
}
