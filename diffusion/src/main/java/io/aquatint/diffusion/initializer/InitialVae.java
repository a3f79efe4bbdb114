package io.aquatint.diffusion.initializer;

import java.util.List;

/** The weights of an AutoencoderKL. */
final class InitialVae {
    private static final int LATENT_CHANNELS = 4;

    private final List<Integer> channels;
    private final int layers;

    InitialVae(ModelDesign design) {
        this.channels = design.vaeChannels();
        this.layers = design.vaeLayers();
    }

    void write(InitialWeights vae) {
        int levels = channels.size();
        int last = channels.get(levels - 1);
        InitialWeights encoder = vae.scope("encoder");
        encoder.conv2d("conv_in", 3, channels.get(0), 3);
        int hidden = channels.get(0);
        for (int level = 0; level < levels; level++) {
            InitialWeights block = encoder.scope("down_blocks." + level);
            for (int layer = 0; layer < layers; layer++) {
                resnet(block.scope("resnets." + layer), hidden, channels.get(level));
                hidden = channels.get(level);
            }
            if (level < levels - 1) {
                block.conv2d("downsamplers.0.conv", hidden, hidden, 3);
            }
        }
        midBlock(encoder.scope("mid_block"), last);
        encoder.norm("conv_norm_out", last);
        encoder.conv2d("conv_out", last, 2 * LATENT_CHANNELS, 3);
        vae.conv2d("quant_conv", 2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, 1);

        vae.conv2d("post_quant_conv", LATENT_CHANNELS, LATENT_CHANNELS, 1);
        InitialWeights decoder = vae.scope("decoder");
        decoder.conv2d("conv_in", LATENT_CHANNELS, last, 3);
        midBlock(decoder.scope("mid_block"), last);
        hidden = last;
        for (int level = 0; level < levels; level++) {
            InitialWeights block = decoder.scope("up_blocks." + level);
            int out = channels.get(levels - 1 - level);
            for (int layer = 0; layer < layers + 1; layer++) {
                resnet(block.scope("resnets." + layer), hidden, out);
                hidden = out;
            }
            if (level < levels - 1) {
                block.conv2d("upsamplers.0.conv", hidden, hidden, 3);
            }
        }
        decoder.norm("conv_norm_out", channels.get(0));
        decoder.conv2d("conv_out", channels.get(0), 3, 3);
    }

    private static void midBlock(InitialWeights middle, int size) {
        resnet(middle.scope("resnets.0"), size, size);
        InitialWeights attention = middle.scope("attentions.0");
        attention.norm("group_norm", size);
        attention.linear("to_q", size, size);
        attention.linear("to_k", size, size);
        attention.linear("to_v", size, size);
        attention.linear("to_out.0", size, size);
        resnet(middle.scope("resnets.1"), size, size);
    }

    private static void resnet(InitialWeights block, int in, int out) {
        block.norm("norm1", in);
        block.conv2d("conv1", in, out, 3);
        block.norm("norm2", out);
        block.conv2d("conv2", out, out, 3);
        if (in != out) {
            block.conv2d("conv_shortcut", in, out, 1);
        }
    }
}
