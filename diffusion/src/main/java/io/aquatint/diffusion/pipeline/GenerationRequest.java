package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.scheduler.Sampler;

/**
 * What to draw and how.
 *
 * @param negativePrompt what to draw away from; empty for nothing in particular
 * @param seed the noise to begin with
 * @param guidanceScale how strongly the prompt counts (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022); 1 or less
 *     leaves guidance out
 * @param width in pixels, a multiple of the autoencoder's factor
 * @param height the same
 */
public record GenerationRequest(
        String prompt,
        String negativePrompt,
        long seed,
        int steps,
        double guidanceScale,
        int width,
        int height,
        Sampler.Kind sampler) {

    public GenerationRequest {
        if (steps < 1 || width < 1 || height < 1 || !Double.isFinite(guidanceScale)) {
            throw new IllegalArgumentException("impossible request: %d steps, %d x %d pixels, guidance scale %s"
                    .formatted(steps, width, height, guidanceScale));
        }
    }
}
