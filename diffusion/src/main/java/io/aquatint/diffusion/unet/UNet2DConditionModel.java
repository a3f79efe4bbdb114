package io.aquatint.diffusion.unet;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.resnet.ResnetBlock2D;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * The denoising network of Stable Diffusion, as diffusers' class of that name: from a noisy latent, a timestep and the encoded
 * prompt to the predicted noise (or velocity).
 */
public final class UNet2DConditionModel {
    private final UNet2DConditionConfig config;

    /** What flows through the network, and what every block needs. */
    private record Conditioning(Value timeEmbedding, Value context) {}

    /** A feature map and how many channels it has. */
    private record Features(Value value, int channels) {}

    public UNet2DConditionModel(UNet2DConditionConfig config) {
        this.config = config;
    }

    /**
     * Writes the network into a graph. It computes in the precision of the sample, which the weights, the context and the pooled
     * prompt have to be in too.
     *
     * @param sample [batch, inChannels, height, width]
     * @param timestep [batch], int64 or float32
     * @param context the encoded prompt, [batch, tokens, crossAttentionDim]
     * @param textEmbeds the pooled prompt, [batch, pooled]; only where the config takes it
     * @param timeIds [batch, 6]; only where the config takes them
     * @return [batch, outChannels, height, width]
     */
    public Value forward(
            Graph graph,
            Value sample,
            Value timestep,
            Value context,
            @Nullable Value textEmbeds,
            @Nullable Value timeIds) {
        int levels = config.blockOutChannels().size();
        int firstChannels = config.blockOutChannels().get(0);

        Value embedding = timestepEmbedding(
                graph,
                "time_embedding",
                graph.typeAs(sinusoids(graph, timestep, firstChannels), sample),
                firstChannels); // [b, 4c]
        if (config.takesTextAndTime()) {
            if (textEmbeds == null || timeIds == null) {
                throw new IllegalArgumentException("this UNet takes text embeds and time ids");
            }
            Value ids = sinusoids(graph, graph.flatten(timeIds, 0, 1), config.timeIdChannels()); // [b * 6, c]
            ids = graph.op("torch.reshape(%s, [torch.size(%s, 0), -1])", ids, timeIds); // [b, 6 * c]
            Value both = graph.cat(1, textEmbeds, graph.typeAs(ids, sample));
            Value added = timestepEmbedding(graph, "add_embedding", both, config.addedChannels());
            embedding = graph.add(embedding, added);
        }
        Conditioning conditioning = new Conditioning(graph.silu(embedding), context);

        Features hidden = new Features(
                graph.conv2d("conv_in", sample, config.inChannels(), firstChannels, 3, 1, 1), firstChannels);
        Deque<Features> skips = new ArrayDeque<>();
        skips.push(hidden);
        graph.endOfPart();
        for (int level = 0; level < levels; level++) {
            hidden = downBlock(graph.scope("down_blocks." + level), level, hidden, conditioning, skips);
        }
        hidden = midBlock(graph.scope("mid_block"), hidden, conditioning);
        for (int level = 0; level < levels; level++) {
            hidden = upBlock(graph.scope("up_blocks." + level), level, hidden, conditioning, skips);
        }
        Value out = graph.groupNorm(
                "conv_norm_out", hidden.value(), firstChannels, config.normGroups(), config.normEpsilon());
        return graph.conv2d("conv_out", graph.silu(out), firstChannels, config.outChannels(), 3, 1, 1);
    }

    private Features downBlock(
            Graph graph, int level, Features hidden, Conditioning conditioning, Deque<Features> skips) {
        int channels = config.blockOutChannels().get(level);
        for (int layer = 0; layer < config.layersPerBlock().get(level); layer++) {
            hidden = resnet(graph.scope("resnets." + layer), hidden, channels, conditioning);
            if (config.downAttention().get(level)) {
                hidden = transformer(
                        graph.scope("attentions." + layer),
                        hidden,
                        config.heads().get(level),
                        config.transformerLayers().get(level),
                        conditioning);
            }
            skips.push(hidden);
        }
        if (level < config.blockOutChannels().size() - 1) {
            Value half = graph.conv2d(
                    "downsamplers.0.conv",
                    hidden.value(),
                    channels,
                    channels,
                    3,
                    2,
                    config.downsamplePadding()); // [b, c, h/2, w/2]
            hidden = new Features(half, channels);
            skips.push(hidden);
        }
        return hidden;
    }

    private Features midBlock(Graph graph, Features hidden, Conditioning conditioning) {
        int last = config.blockOutChannels().size() - 1;
        hidden = resnet(graph.scope("resnets.0"), hidden, hidden.channels(), conditioning);
        if (!config.midAttention()) {
            return hidden; // diffusers' UNetMidBlock2D has one layer here
        }
        hidden = transformer(
                graph.scope("attentions.0"),
                hidden,
                config.heads().get(last),
                config.transformerLayers().get(last),
                conditioning);
        return resnet(graph.scope("resnets.1"), hidden, hidden.channels(), conditioning);
    }

    private Features upBlock(
            Graph graph, int level, Features hidden, Conditioning conditioning, Deque<Features> skips) {
        int mirrored = config.blockOutChannels().size() - 1 - level;
        int channels = config.blockOutChannels().get(mirrored);
        for (int layer = 0; layer < config.layersPerBlock().get(mirrored) + 1; layer++) {
            Features skip = skips.pop();
            Value both = graph.cat(1, hidden.value(), skip.value());
            Features wide = new Features(both, hidden.channels() + skip.channels());
            hidden = resnet(graph.scope("resnets." + layer), wide, channels, conditioning);
            if (config.upAttention().get(level)) {
                hidden = transformer(
                        graph.scope("attentions." + layer),
                        hidden,
                        config.heads().get(mirrored),
                        config.upTransformerLayers().get(level),
                        conditioning);
            }
        }
        if (level < config.blockOutChannels().size() - 1) {
            Value twice = graph.upsampleNearestLike(
                    hidden.value(), skips.element().value()); // [b, c, 2h, 2w], or one less where a side is odd
            hidden = new Features(graph.conv2d("upsamplers.0.conv", twice, channels, channels, 3, 1, 1), channels);
        }
        return hidden;
    }

    private Features resnet(Graph graph, Features input, int channels, Conditioning conditioning) {
        var block = new ResnetBlock2D(input.channels(), channels, config.normGroups(), config.normEpsilon());
        var time = new ResnetBlock2D.Time(conditioning.timeEmbedding(), timeChannels());
        Features output = new Features(block.forward(graph, input.value(), time), channels);
        graph.endOfPart();
        return output;
    }

    /** Transformer2DModel: attention over the pixels of a feature map. */
    private Features transformer(Graph graph, Features input, int heads, int layers, Conditioning conditioning) {
        int channels = input.channels();
        Value hidden = graph.groupNorm("norm", input.value(), channels, config.normGroups(), 1e-6); // [b, c, h, w]
        if (config.linearProjection()) {
            hidden = graph.linear("proj_in", tokens(graph, hidden), channels, channels); // [b, hw, c]
        } else {
            hidden = tokens(graph, graph.pointwise("proj_in", hidden, channels, channels));
        }
        for (int layer = 0; layer < layers; layer++) {
            Graph block = graph.scope("transformer_blocks." + layer);
            hidden = transformerBlock(block, hidden, channels, heads, conditioning.context());
            graph.endOfPart();
        }
        if (config.linearProjection()) {
            hidden = pixels(graph, graph.linear("proj_out", hidden, channels, channels), input.value());
        } else {
            hidden = graph.pointwise("proj_out", pixels(graph, hidden, input.value()), channels, channels);
        }
        return new Features(graph.add(hidden, input.value()), input.channels());
    }

    /** BasicTransformerBlock: self-attention, attention to the prompt, feed-forward. */
    private Value transformerBlock(Graph graph, Value hidden, int channels, int heads, Value context) {
        Value normed = graph.layerNorm("norm1", hidden, channels, 1e-5);
        hidden = graph.add(attention(graph.scope("attn1"), normed, normed, channels, channels, heads), hidden);
        normed = graph.layerNorm("norm2", hidden, channels, 1e-5);
        hidden = graph.add(
                attention(graph.scope("attn2"), normed, context, channels, config.crossAttentionDim(), heads), hidden);
        normed = graph.layerNorm("norm3", hidden, channels, 1e-5);
        return graph.add(feedForward(graph.scope("ff"), normed, channels), hidden);
    }

    private static Value attention(
            Graph graph, Value hidden, Value context, int channels, int contextChannels, int heads) {
        Value query = graph.splitHeads(
                graph.linearWithoutBias("to_q", hidden, channels, channels), heads); // [b, heads, tokens, d]
        Value key = graph.splitHeads(graph.linearWithoutBias("to_k", context, contextChannels, channels), heads);
        Value value = graph.splitHeads(graph.linearWithoutBias("to_v", context, contextChannels, channels), heads);
        Value attended = graph.joinHeads(graph.attention(query, key, value, false)); // [b, tokens, c]
        return graph.linear("to_out.0", attended, channels, channels);
    }

    /** GEGLU, then a linear layer. */
    private static Value feedForward(Graph graph, Value hidden, int channels) {
        Value gated = graph.geglu("net.0.proj", hidden, channels, 4 * channels); // [b, tokens, 4c]
        return graph.linear("net.2", gated, 4 * channels, channels); // [b, tokens, c]
    }

    /** TimestepEmbedding. */
    private Value timestepEmbedding(Graph graph, String name, Value features, int channels) {
        Graph scope = graph.scope(name);
        Value hidden = scope.silu(scope.linear("linear_1", features, channels, timeChannels()));
        return scope.linear("linear_2", hidden, timeChannels(), timeChannels());
    }

    private int timeChannels() {
        return 4 * config.blockOutChannels().get(0);
    }

    /** Timesteps: sines and cosines of a number [n] to [n, channels], as in "Attention is all you need". */
    private Value sinusoids(Graph graph, Value numbers, int channels) {
        int half = channels / 2;
        Value exponents = graph.mul(graph.range(half, numbers), -Math.log(10000)); // [half]
        Value frequencies = graph.exp(graph.op("torch.div(%s, %s)", exponents, half - config.frequencyShift()));
        Value angles = graph.mul(graph.unsqueeze(graph.toFloat32(numbers), 1), frequencies); // [n, half]
        Value sines = graph.sin(angles);
        Value cosines = graph.cos(angles);
        return config.flipSinToCos() ? graph.cat(1, cosines, sines) : graph.cat(1, sines, cosines);
    }

    /** [b, c, h, w] to [b, hw, c]. */
    private static Value tokens(Graph graph, Value pixels) {
        return graph.transpose(graph.flatten(pixels, 2, 3), 1, 2);
    }

    /** [b, hw, c] to the shape of a feature map. */
    private static Value pixels(Graph graph, Value tokens, Value like) {
        return graph.reshapeLike(graph.transpose(tokens, 1, 2), like);
    }
}
