package io.aquatint.diffusion.resnet;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * diffusers' ResnetBlock2D, of which UNet and autoencoder are made: two convolutions, and what went in is added to what they make.
 *
 * @param in channels of what goes in
 * @param out channels of the result
 * @param groups of its group norms
 */
public record ResnetBlock2D(int in, int out, int groups, double epsilon) {
    /**
     * What a UNet tells of its timesteps.
     *
     * @param embedding [b, channels], after its activation
     */
    public record Time(Value embedding, int channels) {}

    /**
     * Biases that are added to all pixels are added to one another first.
     *
     * @param input [b, in, h, w]
     * @param time null where there are no timesteps
     * @return [b, out, h, w]
     */
    public Value forward(Graph graph, Value input, @Nullable Time time) {
        Value hidden = graph.silu(graph.groupNorm("norm1", input, in, groups, epsilon));
        hidden = time == null
                ? graph.conv2d("conv1", hidden, in, out, 3, 1, 1)
                : graph.add(graph.conv2dWithoutBias("conv1", hidden, in, out, 3, 1, 1), shift(graph, time));
        hidden = graph.silu(graph.groupNorm("norm2", hidden, out, groups, epsilon)); // [b, out, h, w]
        if (in == out) {
            return graph.add(input, graph.conv2d("conv2", hidden, out, out, 3, 1, 1));
        }
        hidden = graph.conv2dWithoutBias("conv2", hidden, out, out, 3, 1, 1);
        Value bias = graph.add(graph.weight("conv2.bias", out), graph.weight("conv_shortcut.bias", out));
        return graph.add(graph.pointwise("conv_shortcut", input, in, out, bias), hidden);
    }

    /** [b, out, 1, 1]. */
    private Value shift(Graph graph, Time time) {
        Value projected = graph.linear("time_emb_proj", time.embedding(), time.channels(), out);
        Value shift = graph.add(projected, graph.weight("conv1.bias", out));
        return graph.unsqueeze(graph.unsqueeze(shift, 2), 3);
    }
}
