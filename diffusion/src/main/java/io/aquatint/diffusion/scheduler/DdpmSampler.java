package io.aquatint.diffusion.scheduler;

import java.util.ArrayList;
import java.util.List;

/**
 * Denoising diffusion probabilistic models (Ho et al., 2020, algorithm 2 and equation 7) over some of the timesteps, as diffusers'
 * DDPMScheduler with the variance {@code fixed_small}.
 */
public final class DdpmSampler implements Sampler {
    private final NoiseSchedule schedule;

    public DdpmSampler(NoiseSchedule schedule) {
        this.schedule = schedule;
    }

    @Override
    public SamplingPlan plan(int steps) {
        int[] timesteps = schedule.sampling().timesteps(schedule.steps(), steps);
        List<SamplingStep> plan = new ArrayList<>();
        for (int i = 0; i < steps; i++) {
            plan.add(step(timesteps[i], i + 1 < steps ? schedule.alphaCumprod(timesteps[i + 1]) : 1));
        }
        return new SamplingPlan(1, plan);
    }

    /** The mean and the variance of q(next | sample, clean). */
    private SamplingStep step(int timestep, double nextAlphaCumprod) {
        double alphaCumprod = schedule.alphaCumprod(timestep);
        double alpha = alphaCumprod / nextAlphaCumprod;
        double beta = 1 - alpha;
        double kept = (1 - nextAlphaCumprod) / (1 - alphaCumprod);
        Clean clean = Clean.of(schedule.predictionType(), schedule.signal(timestep), schedule.noise(timestep));
        return new SamplingStep(
                timestep,
                1,
                clean.fromSample(),
                clean.fromOutput(),
                schedule.sampling().clip(),
                Math.sqrt(alpha) * kept,
                0,
                Math.sqrt(nextAlphaCumprod) * beta / (1 - alphaCumprod),
                0,
                Math.sqrt(kept * beta));
    }
}
