package io.aquatint.diffusion.scheduler;

import java.util.ArrayList;
import java.util.List;

/**
 * DPM-Solver++ 2M (Lu et al., 2022, algorithm 2), as diffusers' DPMSolverMultistepScheduler with linspace spacing, midpoint
 * and a last step of first order to σ = 0.
 */
public final class DpmSolverMultistepSampler implements Sampler {
    private final NoiseSchedule schedule;
    private final boolean karras;

    /** @param karras the noise levels of Karras et al. in place of evenly spaced timesteps */
    public DpmSolverMultistepSampler(NoiseSchedule schedule, boolean karras) {
        this.schedule = schedule;
        this.karras = karras;
    }

    @Override
    public SamplingPlan plan(int steps) {
        Sigmas sigmas = new Sigmas(schedule);
        double[] timesteps = new double[Sigmas.checked(schedule, steps)];
        double[] levels = new double[steps + 1];
        double[] karrasLevels = karras ? sigmas.karras(steps) : new double[0];
        for (int i = 0; i < steps; i++) {
            double even = Math.rint((double) (schedule.steps() - 1) * (steps - i) / steps);
            timesteps[i] = karras ? Math.rint(sigmas.timestep(karrasLevels[i])) : even;
            levels[i] = karras ? karrasLevels[i] : sigmas.at(even);
        }
        List<SamplingStep> plan = new ArrayList<>();
        for (int i = 0; i < steps; i++) {
            boolean firstOrder = i == 0 || i == steps - 1;
            plan.add(step(timesteps[i], levels[i], levels[i + 1], firstOrder ? Double.NaN : levels[i - 1]));
        }
        return new SamplingPlan(1, plan);
    }

    /** @param previous the noise level before, NaN for a step of first order */
    private SamplingStep step(double timestep, double sigma, double nextSigma, double previous) {
        double signal = 1 / Math.sqrt(sigma * sigma + 1);
        double noise = sigma * signal;
        double nextSignal = 1 / Math.sqrt(nextSigma * nextSigma + 1);
        double nextNoise = nextSigma * nextSignal;
        Clean clean = Clean.of(schedule.predictionType(), signal, noise);
        // λ = log(signal / noise) = -log σ; h = λ' - λ, so that exp(-h) = σ' / σ
        double fromClean = nextSignal * (1 - nextSigma / sigma);
        double fromPreviousClean = 0;
        if (!Double.isNaN(previous)) {
            double h = Math.log(sigma / nextSigma);
            double h0 = Math.log(previous / sigma);
            double slope = 0.5 * fromClean * h / h0;
            fromClean += slope;
            fromPreviousClean = -slope;
        }
        return new SamplingStep(
                timestep,
                1,
                clean.fromSample(),
                clean.fromOutput(),
                Double.POSITIVE_INFINITY,
                nextNoise / noise,
                0,
                fromClean,
                fromPreviousClean,
                0);
    }
}
