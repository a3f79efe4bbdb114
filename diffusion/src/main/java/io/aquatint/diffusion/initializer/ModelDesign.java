package io.aquatint.diffusion.initializer;

import java.util.List;

/**
 * The sizes of a base model of Stable Diffusion's topology, and the noise that it is to be trained with.
 *
 * @param resolution the side of the pictures in pixels
 * @param unetHeads attention heads of each level
 * @param lastLevelAttention whether the lowest level attends to the prompt as well; Stable Diffusion's does not
 * @param tokens how many tokens a prompt has, begin and end included
 */
public record ModelDesign(
        int resolution,
        List<Integer> unetChannels,
        List<Integer> unetHeads,
        int unetLayers,
        int unetGroups,
        boolean lastLevelAttention,
        List<Integer> vaeChannels,
        int vaeLayers,
        int vaeGroups,
        double scalingFactor,
        int textSize,
        int textLayers,
        int textHeads,
        int tokens,
        String betaSchedule,
        double betaStart,
        double betaEnd,
        String predictionType) {

    /** Stable Diffusion 1.5 with few channels; the scaling factor brings photographs to a deviation of about 1. */
    public static final ModelDesign SMALL = new ModelDesign(
            64,
            List.of(32, 64, 64, 64),
            List.of(8, 8, 8, 8),
            2,
            32,
            false,
            List.of(32, 32, 64, 64),
            2,
            32,
            4.8,
            64,
            3,
            4,
            77,
            "scaled_linear",
            0.00085,
            0.012,
            "epsilon");

    /** How many pixels a latent's side stands for. */
    public int factor() {
        return 1 << (vaeChannels.size() - 1);
    }
}
