package io.aquatint.diffusion.scheduler;

import org.jspecify.annotations.Nullable;

/**
 * One step of a sampler in coefficients, so that it applies to arrays of any kind:
 *
 * <pre>
 * output = network(inputScale · sample, timestep)
 * clean  = clip(cleanFromSample · sample + cleanFromOutput · output)
 * next   = nextFromSample · sample + nextFromOutput · output + nextFromClean · clean + nextFromPreviousClean · previous clean
 *        + nextFromNoise · ε
 * </pre>
 *
 * @param clip the clean sample is clipped to ± this; infinite for no clipping
 * @param nextFromPreviousClean 0 where a step needs no earlier one
 * @param nextFromNoise how much fresh standard normal noise ε a step adds; 0 in deterministic samplers
 */
public record SamplingStep(
        double timestep,
        double inputScale,
        double cleanFromSample,
        double cleanFromOutput,
        double clip,
        double nextFromSample,
        double nextFromOutput,
        double nextFromClean,
        double nextFromPreviousClean,
        double nextFromNoise) {

    /** {@code inputScale · sample}. */
    public float[] input(float[] sample) {
        return Combination.of(inputScale, sample, 0, sample);
    }

    /** The network's idea of the clean sample. */
    public float[] clean(float[] sample, float[] output) {
        float[] clean = Combination.of(cleanFromSample, sample, cleanFromOutput, output);
        for (int i = 0; i < clean.length; i++) {
            clean[i] = (float) Math.max(-clip, Math.min(clip, clean[i]));
        }
        return clean;
    }

    /** The next, less noisy sample, as far as it is not noise that is added. */
    public float[] next(float[] sample, float[] output, float[] clean, float @Nullable [] previousClean) {
        float[] next = Combination.of(nextFromSample, sample, nextFromOutput, output);
        for (int i = 0; i < next.length; i++) {
            next[i] += (float) (nextFromClean * clean[i]);
            if (previousClean != null) {
                next[i] += (float) (nextFromPreviousClean * previousClean[i]);
            }
        }
        return next;
    }
}
