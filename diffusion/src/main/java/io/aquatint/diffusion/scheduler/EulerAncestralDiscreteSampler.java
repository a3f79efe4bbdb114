package io.aquatint.diffusion.scheduler;

import java.util.ArrayList;
import java.util.List;

/**
 * Ancestral sampling on samples {@code clean + σ ε} with Euler's method: each step goes below the next noise level, and noise is
 * added up to it. As diffusers' EulerAncestralDiscreteScheduler with linspace spacing (after k-diffusion's
 * sample_euler_ancestral with η = 1).
 */
public final class EulerAncestralDiscreteSampler implements Sampler {
    private final NoiseSchedule schedule;

    public EulerAncestralDiscreteSampler(NoiseSchedule schedule) {
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
            double down = next * next / sigma; // what is left of the old noise
            double up = Math.sqrt(next * next - down * down); // what comes anew
            plan.add(EulerDiscreteSampler.step(schedule.predictionType(), timesteps[i], sigma, down, up));
        }
        return new SamplingPlan(sigmas.at(timesteps[0]), plan);
    }
}
