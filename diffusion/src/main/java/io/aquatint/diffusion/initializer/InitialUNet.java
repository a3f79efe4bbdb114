package io.aquatint.diffusion.initializer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** The weights of a UNet2DConditionModel of Stable Diffusion 1.5's topology. */
final class InitialUNet {
    private static final int LATENT_CHANNELS = 4;

    private final List<Integer> channels;
    private final int layers;
    private final boolean lastLevelAttention;
    private final int crossAttention;

    InitialUNet(ModelDesign design) {
        this.channels = design.unetChannels();
        this.layers = design.unetLayers();
        this.lastLevelAttention = design.lastLevelAttention();
        this.crossAttention = design.textSize();
    }

    void write(InitialWeights unet) {
        int first = channels.get(0);
        int levels = channels.size();
        unet.linear("time_embedding.linear_1", first, 4 * first);
        unet.linear("time_embedding.linear_2", 4 * first, 4 * first);
        unet.conv2d("conv_in", LATENT_CHANNELS, first, 3);
        Deque<Integer> skips = new ArrayDeque<>();
        skips.push(first);
        int hidden = first;
        for (int level = 0; level < levels; level++) {
            InitialWeights block = unet.scope("down_blocks." + level);
            for (int layer = 0; layer < layers; layer++) {
                resnet(block.scope("resnets." + layer), hidden, channels.get(level));
                hidden = channels.get(level);
                if (level < levels - 1 || lastLevelAttention) {
                    transformer(block.scope("attentions." + layer), hidden);
                }
                skips.push(hidden);
            }
            if (level < levels - 1) {
                block.conv2d("downsamplers.0.conv", hidden, hidden, 3);
                skips.push(hidden);
            }
        }
        InitialWeights middle = unet.scope("mid_block");
        resnet(middle.scope("resnets.0"), hidden, hidden);
        transformer(middle.scope("attentions.0"), hidden);
        resnet(middle.scope("resnets.1"), hidden, hidden);
        for (int level = 0; level < levels; level++) {
            InitialWeights block = unet.scope("up_blocks." + level);
            int out = channels.get(levels - 1 - level);
            for (int layer = 0; layer < layers + 1; layer++) {
                resnet(block.scope("resnets." + layer), hidden + skips.pop(), out);
                hidden = out;
                if (level > 0 || lastLevelAttention) {
                    transformer(block.scope("attentions." + layer), hidden);
                }
            }
            if (level < levels - 1) {
                block.conv2d("upsamplers.0.conv", hidden, hidden, 3);
            }
        }
        unet.norm("conv_norm_out", first);
        unet.conv2d("conv_out", first, LATENT_CHANNELS, 3);
    }

    private void resnet(InitialWeights block, int in, int out) {
        block.norm("norm1", in);
        block.conv2d("conv1", in, out, 3);
        block.linear("time_emb_proj", 4 * channels.get(0), out);
        block.norm("norm2", out);
        block.conv2d("conv2", out, out, 3);
        if (in != out) {
            block.conv2d("conv_shortcut", in, out, 1);
        }
    }

    private void transformer(InitialWeights transformer, int size) {
        transformer.norm("norm", size);
        transformer.conv2d("proj_in", size, size, 1);
        InitialWeights block = transformer.scope("transformer_blocks.0");
        block.norm("norm1", size);
        attention(block.scope("attn1"), size, size);
        block.norm("norm2", size);
        attention(block.scope("attn2"), size, crossAttention);
        block.norm("norm3", size);
        block.linear("ff.net.0.proj", size, 8 * size);
        block.linear("ff.net.2", 4 * size, size);
        transformer.conv2d("proj_out", size, size, 1);
    }

    private static void attention(InitialWeights attention, int size, int context) {
        attention.linearWithoutBias("to_q", size, size);
        attention.linearWithoutBias("to_k", context, size);
        attention.linearWithoutBias("to_v", context, size);
        attention.linear("to_out.0", size, size);
    }
}
