package io.aquatint.pretraining;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;

/**
 * What text encoder and UNet are trained for, together: to tell the velocity {@code signal · ε − noise · clean} (Salimans and Ho
 * 2022) from a noisy latent, its timestep and its caption. Mean squared error.
 */
final class DenoiserObjective {
    private DenoiserObjective() {}

    static ParameterLayout layout(ClipTextConfig text, UNet2DConditionConfig unet) {
        Graph graph = new Graph();
        Value ids = graph.input("ids");
        Value context = new ClipTextModel(text)
                .forward(graph.scope("text_encoder"), ids)
                .lastHiddenState();
        new UNet2DConditionModel(unet).forward(graph.scope("unet"), graph.input("sample"), ids, context, null, null);
        return ParameterLayout.of(graph.weightShapes());
    }

    /**
     * The loss of some pictures. Inputs after parameters and factor: the scaled means and deviations of all latents, [n, c, h, w];
     * all captions' tokens, [m, tokens], int64; which latents and which captions, [b], int64; the noise of the latents' own
     * distribution and that which is to be told, [b, c, h, w]; and of each picture the timestep, signal and noise, [b].
     */
    static Graph graph(ClipTextConfig text, UNet2DConditionConfig unet, ParameterLayout layout, Precision precision) {
        Graph graph = new Graph();
        Parameters parameters = new Parameters(graph, layout, precision);
        Value factor = graph.input("factor");
        Value means = graph.input("means");
        Value deviations = graph.input("deviations");
        Value tokens = graph.input("tokens");
        Value pictures = graph.input("pictures");
        Value captions = graph.input("captions");
        Value spread = graph.input("spread");
        Value epsilon = graph.input("epsilon");
        Value timesteps = graph.input("timesteps");
        Value signal = eachPicture(graph, graph.input("signal"));
        Value noise = eachPicture(graph, graph.input("noise"));

        Value deviation = graph.op("torch.index_select(%s, 0, %s)", deviations, pictures);
        Value clean =
                graph.add(graph.op("torch.index_select(%s, 0, %s)", means, pictures), graph.mul(deviation, spread));
        Value noisy = graph.add(graph.mul(signal, clean), graph.mul(noise, epsilon));
        Value velocity = graph.sub(graph.mul(signal, epsilon), graph.mul(noise, clean));

        Graph network = graph.with(new TrainedWeights(parameters));
        Value ids = graph.op("torch.index_select(%s, 0, %s)", tokens, captions); // [b, tokens]
        Value context = new ClipTextModel(text)
                .forward(network.scope("text_encoder"), ids)
                .lastHiddenState();
        Value predicted = new UNet2DConditionModel(unet)
                .forward(network.scope("unet"), graph.to(noisy, precision), timesteps, context, null, null);
        Value difference = graph.sub(graph.toFloat32(predicted), velocity);
        parameters.returnsLossAndGradient(graph, graph.mean(graph.square(difference)), factor, true);
        return graph;
    }

    /** [b] to [b, 1, 1, 1]. */
    private static Value eachPicture(Graph graph, Value numbers) {
        return graph.reshape(numbers, -1, 1, 1, 1);
    }
}
