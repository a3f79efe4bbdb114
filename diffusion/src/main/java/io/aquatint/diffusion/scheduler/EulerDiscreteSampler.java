package io.aquatint.diffusion.scheduler;

import java.util.ArrayList;
import java.util.List;

/**
 * Euler's method on samples {@code clean + σ ε} (Karras et al., 2022, algorithm 2 without churn), as diffusers'
 * EulerDiscreteScheduler with linspace spacing.
 */
public final class EulerDiscreteSampler implements Sampler {
    private final NoiseSchedule schedule;

    public EulerDiscreteSampler(NoiseSchedule schedule) {
        this.schedule = schedule;
    }

    @Override
    public SamplingPlan plan(int steps) {
        Sigmas sigmas = new Sigmas(schedule);
        double[] timesteps = Sigmas.evenTimesteps(schedule, steps);
        List<SamplingStep> plan = new ArrayList<>();
        for (int i = 0; i < steps; i++) {
            double sigma = sigmas.at(timesteps[i]);
            double next = i + 1 < steps ? sigmas.at(timesteps[i + 1]) : 0;
            plan.add(step(schedule.predictionType(), timesteps[i], sigma, next, 0));
        }
        return new SamplingPlan(sigmas.at(timesteps[0]), plan);
    }

    /** From σ to a smaller one, and then some noise. */
    static SamplingStep step(PredictionType type, double timestep, double sigma, double next, double addedNoise) {
        double scale = 1 / Math.sqrt(sigma * sigma + 1);
        // the network sees signal · clean + noise · ε = scale · sample, with signal = scale and noise = scale · σ
        Clean clean = Clean.of(type, scale, scale * sigma);
        double ratio = next / sigma; // next = clean + next σ · (sample - clean) / σ
        return new SamplingStep(
                timestep,
                scale,
                clean.fromSample() * scale,
                clean.fromOutput(),
                Double.POSITIVE_INFINITY,
                ratio,
                0,
                1 - ratio,
                0,
                addedNoise);
    }
}
