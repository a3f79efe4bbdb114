package io.aquatint.diffusion.scheduler;

/** Noise levels σ = √((1 − ᾱ) / ᾱ) of a schedule. */
final class Sigmas {
    private static final double KARRAS_RHO = 7;

    private final double[] trained;

    Sigmas(NoiseSchedule schedule) {
        trained = new double[schedule.steps()];
        for (int t = 0; t < trained.length; t++) {
            // a schedule that ends without signal has no σ there: diffusers puts 2⁻²⁴ for ᾱ
            double alpha = Math.max(schedule.alphaCumprod(t), 0x1p-24);
            trained[t] = Math.sqrt((1 - alpha) / alpha);
        }
    }

    static int checked(NoiseSchedule schedule, int steps) {
        if (steps < 1 || steps > schedule.steps()) {
            throw new IllegalArgumentException("steps is " + steps + ", but must be 1 to " + schedule.steps());
        }
        return steps;
    }

    /** Linspace spacing: from the last timestep to the first. */
    static double[] evenTimesteps(NoiseSchedule schedule, int steps) {
        double[] timesteps = new double[checked(schedule, steps)];
        for (int i = 0; i < steps; i++) {
            timesteps[i] = steps == 1 ? 0 : (double) (schedule.steps() - 1) * (steps - 1 - i) / (steps - 1);
        }
        return timesteps;
    }

    /** σ between timesteps, linear. */
    double at(double timestep) {
        int low = (int) Math.min(Math.max(Math.floor(timestep), 0), trained.length - 1);
        int high = Math.min(low + 1, trained.length - 1);
        double weight = timestep - low;
        return trained[low] + weight * (trained[high] - trained[low]);
    }

    /** Karras et al. (2022), equation 5: from the largest to the smallest σ. */
    double[] karras(int steps) {
        double smallest = Math.pow(trained[0], 1 / KARRAS_RHO);
        double largest = Math.pow(trained[trained.length - 1], 1 / KARRAS_RHO);
        double[] sigmas = new double[steps];
        for (int i = 0; i < steps; i++) {
            double ramp = steps == 1 ? 0 : (double) i / (steps - 1);
            sigmas[i] = Math.pow(largest + ramp * (smallest - largest), KARRAS_RHO);
        }
        return sigmas;
    }

    /** The timestep of a σ, linear in log σ. */
    double timestep(double sigma) {
        double log = Math.log(Math.max(sigma, 1e-10));
        int low = 0;
        while (low < trained.length - 2 && Math.log(trained[low + 1]) <= log) {
            low++;
        }
        double lowLog = Math.log(trained[low]);
        double highLog = Math.log(trained[low + 1]);
        double weight = Math.min(Math.max((lowLog - log) / (lowLog - highLog), 0), 1);
        return (1 - weight) * low + weight * (low + 1);
    }
}
