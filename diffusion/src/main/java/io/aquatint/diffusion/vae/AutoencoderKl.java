package io.aquatint.diffusion.vae;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.resnet.ResnetBlock2D;
import java.util.List;

/** The autoencoder between pictures and latents, as diffusers' AutoencoderKL. No scaling factor is applied here. */
public final class AutoencoderKl {
    private static final double EPSILON = 1e-6;

    private final AutoencoderKlConfig config;

    /** A feature map and how many channels it has. */
    private record Features(Value value, int channels) {}

    /** @param mean of the latent, [b, latentChannels, h, w]
     *  @param logvar the logarithm of its variance, the same shape, between -30 and 20 */
    public record Moments(Value mean, Value logvar) {}

    public AutoencoderKl(AutoencoderKlConfig config) {
        this.config = config;
    }

    /** @param image [b, 3, H, W] in -1 to 1 */
    public Moments encode(Graph graph, Value image) {
        List<Integer> channels = config.blockOutChannels();
        Graph encoder = graph.scope("encoder");
        Features hidden = new Features(
                encoder.conv2d("conv_in", image, config.inChannels(), channels.get(0), 3, 1, 1), channels.get(0));
        for (int level = 0; level < channels.size(); level++) {
            Graph block = encoder.scope("down_blocks." + level);
            for (int layer = 0; layer < config.layersPerBlock(); layer++) {
                hidden = resnet(block.scope("resnets." + layer), hidden, channels.get(level));
            }
            if (level < channels.size() - 1) {
                Value padded = block.pad(hidden.value(), 0, 1, 0, 1);
                hidden = convolved(block, "downsamplers.0.conv", padded, hidden.channels(), 2, 0); // h/2, w/2
            }
        }
        hidden = midBlock(encoder.scope("mid_block"), hidden);
        Value out = encoder.groupNorm("conv_norm_out", hidden.value(), hidden.channels(), config.normGroups(), EPSILON);
        int both = 2 * config.latentChannels();
        Value moments = encoder.conv2d(
                "conv_out", encoder.silu(out), hidden.channels(), both, 3, 1, 1); // [b, 2 * latentChannels, h, w]
        if (config.quantConv()) {
            moments = graph.pointwise("quant_conv", moments, both, both);
        }
        Value logvar = graph.op("torch.clamp(%s, -30.0, 20.0)", graph.chunk(moments, 2, 1, 1));
        return new Moments(graph.chunk(moments, 2, 1, 0), logvar);
    }

    /** @param latent [b, latentChannels, h, w]
     *  @return the picture, [b, 3, H, W], about -1 to 1 */
    public Value decode(Graph graph, Value latent) {
        List<Integer> channels = config.blockOutChannels();
        int levels = channels.size();
        int latents = config.latentChannels();
        Value input = config.postQuantConv() ? graph.pointwise("post_quant_conv", latent, latents, latents) : latent;
        Graph decoder = graph.scope("decoder");
        int widest = channels.get(levels - 1);
        Features hidden = new Features(decoder.conv2d("conv_in", input, latents, widest, 3, 1, 1), widest);
        hidden = midBlock(decoder.scope("mid_block"), hidden);
        for (int level = 0; level < levels; level++) {
            Graph block = decoder.scope("up_blocks." + level);
            for (int layer = 0; layer < config.layersPerBlock() + 1; layer++) {
                hidden = resnet(block.scope("resnets." + layer), hidden, channels.get(levels - 1 - level));
            }
            if (level < levels - 1) {
                Value twice = block.upsampleNearest(hidden.value()); // [b, c, 2h, 2w]
                hidden = convolved(block, "upsamplers.0.conv", twice, hidden.channels(), 1, 1);
            }
        }
        Value out = decoder.groupNorm("conv_norm_out", hidden.value(), hidden.channels(), config.normGroups(), EPSILON);
        return decoder.conv2d("conv_out", decoder.silu(out), hidden.channels(), config.outChannels(), 3, 1, 1);
    }

    private Features midBlock(Graph graph, Features hidden) {
        hidden = resnet(graph.scope("resnets.0"), hidden, hidden.channels());
        if (config.midAttention()) {
            hidden = new Features(attention(graph.scope("attentions.0"), hidden), hidden.channels());
        }
        return resnet(graph.scope("resnets.1"), hidden, hidden.channels());
    }

    private static Features convolved(Graph graph, String name, Value x, int channels, int stride, int padding) {
        return new Features(graph.conv2d(name, x, channels, channels, 3, stride, padding), channels);
    }

    private Features resnet(Graph graph, Features input, int channels) {
        var block = new ResnetBlock2D(input.channels(), channels, config.normGroups(), EPSILON);
        return new Features(block.forward(graph, input.value(), null), channels);
    }

    /** One head of attention over all pixels. */
    private Value attention(Graph graph, Features features) {
        Value input = features.value();
        int channels = features.channels();
        Value hidden = graph.groupNorm("group_norm", input, channels, config.normGroups(), EPSILON); // [b, c, h, w]
        hidden = graph.transpose(graph.flatten(hidden, 2, 3), 1, 2); // [b, hw, c]
        Value query = graph.splitHeads(graph.linear("to_q", hidden, channels, channels), 1);
        Value key = graph.splitHeads(graph.linear("to_k", hidden, channels, channels), 1);
        Value value = graph.splitHeads(graph.linear("to_v", hidden, channels, channels), 1);
        Value joined = graph.joinHeads(graph.attention(query, key, value, false));
        Value attended = graph.linear("to_out.0", joined, channels, channels);
        return graph.add(graph.reshapeLike(graph.transpose(attended, 1, 2), input), input);
    }
}
