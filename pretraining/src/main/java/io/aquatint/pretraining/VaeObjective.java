package io.aquatint.pretraining;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;

/**
 * What an autoencoder is trained for: to give a picture back from its latent. The mean distance of pixels and of the edges between
 * them, and a small Kullback-Leibler divergence that keeps latents near a normal distribution (Rombach et al. 2022, without the
 * perceptual and adversarial losses: drawings have little texture that these would be needed for).
 */
final class VaeObjective {
    private static final double EDGES = 0.5;
    private static final double DIVERGENCE = 1e-3;

    private VaeObjective() {}

    static ParameterLayout layout(AutoencoderKlConfig config) {
        Graph graph = new Graph();
        AutoencoderKl vae = new AutoencoderKl(config);
        vae.decode(graph, vae.encode(graph, graph.input("pictures")).mean());
        return ParameterLayout.of(graph.weightShapes());
    }

    /**
     * The loss of some pictures. Inputs after parameters and factor: all pictures, [n, 3, h, w], uint8; which of them, [b], int64;
     * and noise, [b, latentChannels, h / factor, w / factor].
     */
    static Graph graph(AutoencoderKlConfig config, ParameterLayout layout, Precision precision) {
        Graph graph = new Graph();
        Parameters parameters = new Parameters(graph, layout, precision);
        Value factor = graph.input("factor");
        Value all = graph.input("pictures");
        Value index = graph.input("index");
        Value noise = graph.input("noise");
        Value bytes = graph.op("torch.index_select(%s, 0, %s)", all, index);
        Value pictures = graph.op("torch.sub(torch.div(%s, 127.5), 1.0)", graph.toFloat32(bytes)); // [b, 3, h, w]

        Graph network = graph.with(new TrainedWeights(parameters));
        AutoencoderKl vae = new AutoencoderKl(config);
        AutoencoderKl.Moments moments = vae.encode(network, graph.to(pictures, precision));
        Value mean = graph.toFloat32(moments.mean());
        Value logvar = graph.toFloat32(moments.logvar());
        Value variance = graph.exp(logvar);
        Value latent = graph.add(mean, graph.mul(graph.op("torch.sqrt(%s)", variance), noise));
        Value decoded = graph.toFloat32(vae.decode(network, graph.to(latent, precision)));

        Value difference = graph.sub(decoded, pictures);
        Value edges =
                graph.add(absolute(graph, slope(graph, difference, 2)), absolute(graph, slope(graph, difference, 3)));
        Value divergence = graph.mul(
                graph.mean(graph.sub(graph.add(graph.square(mean), variance), graph.op("torch.add(%s, 1.0)", logvar))),
                0.5);
        Value loss = graph.add(absolute(graph, difference), graph.mul(edges, EDGES));
        parameters.returnsLossAndGradient(graph, graph.add(loss, graph.mul(divergence, DIVERGENCE)), factor, true);
        return graph;
    }

    private static Value absolute(Graph graph, Value x) {
        return graph.mean(graph.op("torch.abs(%s)", x));
    }

    /** The differences between neighbours along a dimension of 64. */
    private static Value slope(Graph graph, Value x, int dimension) {
        return graph.op(
                "torch.sub(torch.slice(%s, %s, 1, 9223372036854775807, 1), torch.slice(%s, %s, 0, -1, 1))",
                x, dimension, x, dimension);
    }
}
