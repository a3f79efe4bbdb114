package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;

/** Which family of base models an adapter is for. */
final class LoraArchitecture {
    /** The width of the encoded prompt, which the keys and values of cross attention take. */
    private static final Map<Integer, Architecture> PROMPT_WIDTHS = Map.of(
            768, Architecture.STABLE_DIFFUSION_1,
            1024, Architecture.STABLE_DIFFUSION_2,
            2048, Architecture.STABLE_DIFFUSION_XL);

    private LoraArchitecture() {}

    /** By the width of the prompt, else by the levels that have attention, else by the text encoder's width. */
    static Optional<Architecture> of(Collection<LoraWeights> adapters) {
        boolean twoTextEncoders =
                adapters.stream().anyMatch(adapter -> adapter.component() == Component.TEXT_ENCODER_2);
        Optional<LoraWeights> unet = adapters.stream()
                .filter(adapter -> adapter.component() == Component.UNET)
                .findFirst();
        Optional<Architecture> byWidth = unet.flatMap(LoraArchitecture::byPromptWidth);
        if (byWidth.isPresent()) {
            return byWidth;
        }
        if (twoTextEncoders || unet.filter(LoraArchitecture::isXl).isPresent()) {
            return Optional.of(Architecture.STABLE_DIFFUSION_XL);
        }
        if (unet.isPresent()) {
            return unet.flatMap(LoraArchitecture::byProjection);
        }
        return adapters.stream()
                .flatMap(adapter -> adapter.modules().entrySet().stream())
                .filter(layer -> layer.getKey().contains(".self_attn."))
                .map(layer -> layer.getValue().in())
                .findFirst()
                .flatMap(width -> Optional.ofNullable(PROMPT_WIDTHS.get(width)));
    }

    /** Whether the layers are as wide as the published model's. */
    static boolean isPublishedXl(LoraWeights unet) {
        return byPromptWidth(unet)
                .filter(Architecture.STABLE_DIFFUSION_XL::equals)
                .isPresent();
    }

    private static Optional<Architecture> byPromptWidth(LoraWeights unet) {
        return unet.modules().entrySet().stream()
                .filter(layer ->
                        layer.getKey().endsWith("attn2.to_k") || layer.getKey().endsWith("attn2.to_v"))
                .findFirst()
                .flatMap(layer ->
                        Optional.ofNullable(PROMPT_WIDTHS.get(layer.getValue().in())));
    }

    /** SDXL has attention at the lowest level going up and none at the highest; 1.x and 2.x the other way round. */
    private static boolean isXl(LoraWeights unet) {
        return unet.modules().keySet().stream().anyMatch(module -> module.startsWith("up_blocks.0.attentions."));
    }

    /** The projections around the transformers are 1x1 convolutions in 1.x, linear in 2.x. */
    private static Optional<Architecture> byProjection(LoraWeights unet) {
        return unet.modules().entrySet().stream()
                .filter(layer ->
                        layer.getKey().endsWith(".proj_in") || layer.getKey().endsWith(".proj_out"))
                .filter(layer -> layer.getKey().matches("down_blocks\\.0\\..*|up_blocks\\.3\\..*"))
                .map(layer -> layer.getValue().downShape().length == 4
                        ? Architecture.STABLE_DIFFUSION_1
                        : Architecture.STABLE_DIFFUSION_2)
                .findFirst();
    }
}
