package io.aquatint.diffusion.training;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.pipeline.TextEncoder;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The loss of a batch and its gradient, as one graph: the mean over the pictures of the squared error of the prediction, each with
 * its weight. Weights and rules see the networks below their components' names, {@code unet.conv_in.weight}.
 *
 * <p>Its inputs are {@link Parameters#INPUT}, the gradient's factor, and then those of {@link Inputs}.
 */
public final class LossGraph {
    private LossGraph() {}

    /**
     * The inputs of a batch of b pictures, all float32 but where said.
     *
     * <ol>
     *   <li>noisy [b, latentChannels, h, w]
     *   <li>target, of the same shape
     *   <li>timesteps [b], int64 or float32
     *   <li>weights [b]
     *   <li>text that is the same in each step: context [b, tokens, c], and for SDXL the pooled text [b, p]; else the token ids [b,
     *       tokens], int64, for each text encoder
     *   <li>for SDXL: time ids [b, 6]
     * </ol>
     *
     * @param keepActivations as in {@link Parameters#returnsLossAndGradient}
     */
    public static Graph of(
            UNet2DConditionConfig unet,
            List<TextEncoder> trainedTextEncoders,
            ParameterLayout layout,
            Function<Parameters, GraphRule> rule,
            Precision precision,
            boolean keepActivations) {
        Graph plain = new Graph();
        Parameters parameters = new Parameters(plain, layout, precision);
        Value factor = plain.input("factor");
        Graph graph = plain.with(rule.apply(parameters));
        Value noisy = graph.to(graph.input("noisy"), precision);
        Value target = graph.input("target");
        Value timesteps = graph.input("timesteps");
        Value weights = graph.input("loss_weights");
        Text text = trainedTextEncoders.isEmpty() ? given(graph, unet) : encoded(graph, unet, trainedTextEncoders);
        @Nullable Value timeIds = unet.takesTextAndTime() ? graph.input("time_ids") : null;
        @Nullable Value pooled = text.pooled() == null ? null : graph.to(text.pooled(), precision);
        Value predicted = new UNet2DConditionModel(unet)
                .forward(graph.scope("unet"), noisy, timesteps, graph.to(text.context(), precision), pooled, timeIds);
        Value squared = graph.square(graph.sub(graph.toFloat32(predicted), target));
        Value perPicture = graph.mean(squared, 1, 2, 3); // [b]
        parameters.returnsLossAndGradient(graph, graph.mean(graph.mul(perPicture, weights)), factor, keepActivations);
        return plain;
    }

    private record Text(Value context, @Nullable Value pooled) {}

    private static Text given(Graph graph, UNet2DConditionConfig unet) {
        Value context = graph.input("context");
        return new Text(context, unet.takesTextAndTime() ? graph.input("text_embeds") : null);
    }

    private static Text encoded(Graph graph, UNet2DConditionConfig unet, List<TextEncoder> encoders) {
        List<Value> states = new ArrayList<>();
        @Nullable Value pooled = null;
        for (TextEncoder encoder : encoders) {
            Value ids = graph.input("input_ids" + encoder.component().replace("text_encoder", ""));
            TextEncoder.Output output = encoder.forward(graph.scope(encoder.component()), ids);
            states.add(output.context());
            pooled = output.pooled();
        }
        Value context = states.size() == 1 ? states.get(0) : graph.cat(2, states.toArray(Value[]::new));
        return new Text(context, unet.takesTextAndTime() ? pooled : null);
    }
}
