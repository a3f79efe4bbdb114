package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.scheduler.Sampler;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What to draw and how.
 *
 * @param negativePrompt what to draw away from; empty for nothing in particular. Absent is the same but for SDXL, which then takes
 *     zeros in place of an encoded prompt, as its pipelines do by default
 * @param seed the noise to begin with
 * @param guidanceScale how strongly the prompt counts (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022); 1 or less
 *     leaves guidance out
 * @param width in pixels, a multiple of the autoencoder's factor
 * @param height the same
 */
public record GenerationRequest(
        String prompt,
        @Nullable String negativePrompt,
        long seed,
        int steps,
        double guidanceScale,
        int width,
        int height,
        Sampler.Kind sampler) {

    /** Sixteen times what any model is made for; whether there is memory enough is another question. */
    private static final int LONGEST_SIDE = 16384;

    public GenerationRequest {
        if (steps < 1 || width < 1 || height < 1 || !Double.isFinite(guidanceScale)) {
            throw new IllegalArgumentException("impossible request: %d steps, %d x %d pixels, guidance scale %s"
                    .formatted(steps, width, height, guidanceScale));
        }
        if (width > LONGEST_SIDE || height > LONGEST_SIDE) {
            throw new IllegalArgumentException(
                    "%d x %d pixels: a side has at most %d".formatted(width, height, LONGEST_SIDE));
        }
    }

    /** As many pictures of the same, each with a seed one above that of the one before. */
    public List<GenerationRequest> pictures(int count) {
        return IntStream.range(0, count).mapToObj(i -> withSeed(seed + i)).toList();
    }

    public GenerationRequest withSeed(long other) {
        return new GenerationRequest(prompt, negativePrompt, other, steps, guidanceScale, width, height, sampler);
    }
}
