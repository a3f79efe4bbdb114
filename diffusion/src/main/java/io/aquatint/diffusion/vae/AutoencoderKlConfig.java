package io.aquatint.diffusion.vae;

import io.aquatint.diffusion.checkpoint.ModelConfig;
import java.util.List;

/**
 * The architecture of an {@link AutoencoderKl}, from its {@code config.json}.
 *
 * @param scalingFactor what latents are multiplied with before the UNet sees them
 */
public record AutoencoderKlConfig(
        int inChannels,
        int outChannels,
        int latentChannels,
        List<Integer> blockOutChannels,
        int layersPerBlock,
        int normGroups,
        boolean midAttention,
        boolean quantConv,
        boolean postQuantConv,
        double scalingFactor) {

    /** How many pixels a latent's side stands for. */
    public int factor() {
        return 1 << (blockOutChannels.size() - 1);
    }

    /** @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException for what is not implemented, by name */
    public static AutoencoderKlConfig from(ModelConfig json) {
        json.supports("_class_name", "AutoencoderKL");
        json.supports("act_fn", "silu");
        json.supportsNo("latents_mean");
        json.supportsNo("latents_std");
        json.supports("shift_factor", 0);
        if (!json.texts("down_block_types").stream().allMatch("DownEncoderBlock2D"::equals)) {
            throw json.unsupported("down_block_types");
        }
        if (!json.texts("up_block_types").stream().allMatch("UpDecoderBlock2D"::equals)) {
            throw json.unsupported("up_block_types");
        }
        List<Integer> channels = json.integers("block_out_channels", json.size("down_block_types"));
        int groups = json.integer("norm_num_groups", 32);
        json.checkDivides("norm_num_groups", groups, "block_out_channels", channels);
        double scalingFactor = json.number("scaling_factor", 0.18215);
        if (!(scalingFactor > 0)) {
            throw json.unsupported("scaling_factor");
        }
        return new AutoencoderKlConfig(
                json.integer("in_channels", 3),
                json.integer("out_channels", 3),
                json.integer("latent_channels", 4),
                channels,
                json.layers("layers_per_block", 1),
                groups,
                json.flag("mid_block_add_attention", true),
                json.flag("use_quant_conv", true),
                json.flag("use_post_quant_conv", true),
                scalingFactor);
    }
}
