package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import java.util.List;
import java.util.Map;

/**
 * What is laid over a base model. Adapters are added to the networks that take the base's places, where there are any.
 *
 * @param loras adapters of the UNet and the text encoders, each at its weight
 * @param words new words of the text encoders
 * @param networks whole networks in place of the base's, by their folders in diffusers layout: {@code unet},
 *     {@code text_encoder} or {@code text_encoder_2}
 */
public record Adaptation(List<WeightedLora> loras, List<TextualInversion> words, Map<String, TensorSource> networks) {

    /** The base model as it is. */
    public static final Adaptation NONE = new Adaptation(List.of(), List.of(), Map.of());

    public Adaptation {
        loras = List.copyOf(loras);
        words = List.copyOf(words);
        networks = Map.copyOf(networks);
    }

    public static Adaptation of(List<WeightedLora> loras) {
        return new Adaptation(loras, List.of(), Map.of());
    }
}
