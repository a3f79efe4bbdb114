package io.aquatint.diffusion.scheduler;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All steps of one run of a sampler.
 *
 * @param initialNoiseSigma what standard normal noise is multiplied with to begin
 */
public record SamplingPlan(double initialNoiseSigma, List<SamplingStep> steps) {

    public SamplingPlan {
        steps = List.copyOf(steps);
    }

    /** The network, with guidance and all: the prediction for a scaled sample at a timestep. */
    @FunctionalInterface
    public interface Network {
        /** Makes the prediction in the manager of the input, which is closed after the step. */
        NDArray predict(NDArray input, double timestep);
    }

    /** Fresh standard normal noise, for the steps that add some. */
    @FunctionalInterface
    public interface NoiseSource {
        NDArray draw(NDManager outputs, Shape shape);
    }

    /** Whether any step adds noise. */
    public boolean stochastic() {
        return steps.stream().anyMatch(step -> step.nextFromNoise() != 0);
    }

    /**
     * Runs all steps.
     *
     * @param initial noise times {@link #initialNoiseSigma()}; it stays the caller's
     * @param noise is asked once for each step that adds noise, in the order of the steps
     * @return the clean sample, in the manager of {@code initial}
     */
    public NDArray sample(NDArray initial, NoiseSource noise, Network network) {
        NDManager owner = initial.getManager();
        NDArray sample = initial.duplicate();
        @Nullable NDArray previousClean = null;
        for (SamplingStep step : steps) {
            try (NDManager scope = owner.newSubManager()) {
                NDArray current = sample;
                current.attach(scope);
                if (previousClean != null) {
                    previousClean.attach(scope);
                }
                NDArray output = network.predict(current.mul((float) step.inputScale()), step.timestep());
                NDArray clean = clean(step, current, output);
                sample = next(step, current, output, clean, previousClean);
                if (step.nextFromNoise() != 0) {
                    sample = sample.add(noise.draw(scope, sample.getShape()).mul((float) step.nextFromNoise()));
                }
                sample.attach(owner);
                clean.attach(owner);
                previousClean = clean;
            }
        }
        if (previousClean != null) {
            previousClean.close();
        }
        return sample;
    }

    private static NDArray clean(SamplingStep step, NDArray sample, NDArray output) {
        NDArray clean = sample.mul((float) step.cleanFromSample()).add(output.mul((float) step.cleanFromOutput()));
        return Double.isInfinite(step.clip()) ? clean : clean.clip((float) -step.clip(), (float) step.clip());
    }

    private static NDArray next(
            SamplingStep step, NDArray sample, NDArray output, NDArray clean, @Nullable NDArray previousClean) {
        NDArray next = sample.mul((float) step.nextFromSample())
                .add(output.mul((float) step.nextFromOutput()))
                .add(clean.mul((float) step.nextFromClean()));
        return previousClean == null || step.nextFromPreviousClean() == 0
                ? next
                : next.add(previousClean.mul((float) step.nextFromPreviousClean()));
    }
}
