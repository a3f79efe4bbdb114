package io.aquatint.diffusion.training;

import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import org.jspecify.annotations.Nullable;

/**
 * How long and how fast a training learns.
 *
 * @param seed all that is random follows from it and the step alone
 * @param minSnrGamma min-SNR loss weights (Hang et al. 2023), none when null
 */
public record TrainingConfig(
        int steps,
        int batchSize,
        double learningRate,
        String learningRateSchedule,
        int warmupSteps,
        OptimizerConfig optimizer,
        long seed,
        @Nullable Double minSnrGamma) {

    public TrainingConfig {
        if (steps < 1 || batchSize < 1) {
            throw new IllegalArgumentException(
                    "steps is %d and the batch size %d, but both must be 1 or more".formatted(steps, batchSize));
        }
        schedule(learningRateSchedule, learningRate, warmupSteps, steps);
    }

    /** The learning rate of each step. */
    public LearningRateSchedule schedule() {
        return schedule(learningRateSchedule, learningRate, warmupSteps, steps);
    }

    private static LearningRateSchedule schedule(String name, double rate, int warmup, int steps) {
        return LearningRateSchedule.of(name, rate, warmup, steps);
    }
}
