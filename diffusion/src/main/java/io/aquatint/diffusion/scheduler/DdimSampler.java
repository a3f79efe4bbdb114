package io.aquatint.diffusion.scheduler;

import java.util.ArrayList;
import java.util.List;

/** Denoising diffusion implicit models with η = 0 (Song et al., 2021, equation 12), as diffusers' DDIMScheduler. */
public final class DdimSampler implements Sampler {
    private final NoiseSchedule schedule;

    public DdimSampler(NoiseSchedule schedule) {
        this.schedule = schedule;
    }

    @Override
    public SamplingPlan plan(int steps) {
        List<SamplingStep> plan = new ArrayList<>();
        for (int timestep : schedule.sampling().timesteps(schedule.steps(), steps)) {
            int previous = timestep - schedule.steps() / steps;
            plan.add(step(timestep, alphaCumprod(previous)));
        }
        return new SamplingPlan(1, plan);
    }

    private double alphaCumprod(int timestep) {
        if (timestep >= 0) {
            return schedule.alphaCumprod(timestep);
        }
        return schedule.sampling().setAlphaToOne() ? 1 : schedule.alphaCumprod(0);
    }

    private SamplingStep step(int timestep, double nextAlpha) {
        double signal = schedule.signal(timestep);
        double noise = schedule.noise(timestep);
        Clean clean = Clean.of(schedule.predictionType(), signal, noise);
        double nextNoise = Math.sqrt(1 - nextAlpha);
        // the noise ε from sample and output
        double epsilonFromSample;
        double epsilonFromOutput;
        switch (schedule.predictionType()) {
            case EPSILON -> {
                epsilonFromSample = 0;
                epsilonFromOutput = 1;
            }
            case V_PREDICTION -> {
                epsilonFromSample = noise;
                epsilonFromOutput = signal;
            }
            case SAMPLE -> {
                epsilonFromSample = 1 / noise;
                epsilonFromOutput = -signal / noise;
            }
            default -> throw new IllegalStateException();
        }
        return new SamplingStep(
                timestep,
                1,
                clean.fromSample(),
                clean.fromOutput(),
                schedule.sampling().clip(),
                nextNoise * epsilonFromSample,
                nextNoise * epsilonFromOutput,
                Math.sqrt(nextAlpha),
                0,
                0);
    }
}
