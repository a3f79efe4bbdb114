package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Whether a base model is whole, by its configs and the headers of its files: no weight is read. */
public final class WeightCheck {
    private WeightCheck() {}

    /**
     * Holds every network's tensors against what its config needs.
     *
     * @throws io.aquatint.diffusion.checkpoint.CheckpointException if tensors are missing, extra, misshapen or no floating point
     *     numbers; the message names those of the first network that has any, and what its config says otherwise than its weights
     * @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException for what is not implemented, by name
     */
    public static void verify(ModelSource model) {
        boolean large = model.architecture() == Architecture.STABLE_DIFFUSION_XL;
        verify(
                model,
                "unet",
                StableDiffusion.unetGraph(UNet2DConditionConfig.from(model.config("unet")), Precision.FP32)
                        .weightShapes());
        AutoencoderKlConfig vae = AutoencoderKlConfig.from(model.config("vae"));
        Map<String, List<Long>> shapes = new LinkedHashMap<>(
                StableDiffusion.encoderGraph(vae, Precision.FP32).weightShapes());
        shapes.putAll(StableDiffusion.decoderGraph(vae, Precision.FP32).weightShapes());
        verify(model, "vae", shapes);
        for (String encoder : large ? List.of("text_encoder", "text_encoder_2") : List.of("text_encoder")) {
            ClipTextConfig config = ClipTextConfig.from(model.config(encoder));
            verify(model, encoder, TextEncoder.graph(config, large).weightShapes());
        }
    }

    private static void verify(ModelSource model, String component, Map<String, List<Long>> shapes) {
        Set<String> unused = component.startsWith("text_encoder") ? TextEncoder.UNUSED : Set.of();
        Weights.verify(model.weights(component), shapes, unused);
    }
}
