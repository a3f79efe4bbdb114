package io.aquatint.diffusion.training;

import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import org.jspecify.annotations.Nullable;

/**
 * How long and how fast a training learns, and from what of its pictures. {@link #of} has the defaults of diffusers' scripts, and
 * the {@code with} methods change one thing each.
 *
 * @param batchSize pictures of the subject in each part of a step; with class images as many of these beside them
 * @param accumulation parts of a step, whose gradients are averaged
 * @param seed all that is random follows from it and the step alone
 */
public record TrainingConfig(
        int steps,
        int batchSize,
        int accumulation,
        LearningRate learningRate,
        OptimizerConfig optimizer,
        Loss loss,
        Augmentation augmentation,
        boolean gradientCheckpointing,
        long seed) {

    /**
     * @param schedule one of {@link LearningRateSchedule.Kind#names()}
     * @param cycles how often {@code cosine_with_restarts} begins anew
     * @param power of {@code polynomial}
     */
    public record LearningRate(double rate, String schedule, int warmupSteps, int cycles, double power) {
        public LearningRate(double rate, String schedule, int warmupSteps, int cycles) {
            this(rate, schedule, warmupSteps, cycles, 1);
        }

        public static LearningRate constant(double rate) {
            return new LearningRate(rate, "constant", 0, 1);
        }
    }

    /**
     * @param minSnrGamma min-SNR loss weights (Hang et al. 2023), none when null
     * @param priorWeight the weight of the class images' loss beside the subject's
     */
    public record Loss(@Nullable Double minSnrGamma, double priorWeight) {
        public static final Loss DEFAULT = new Loss(null, 1);
    }

    /**
     * @param noiseOffset a shift of each channel's noise of this deviation, for very dark and bright pictures
     * @param captionDropout how often a caption is left empty, 0 to 1
     * @param flip whether half of the pictures are seen mirrored
     */
    public record Augmentation(double noiseOffset, double captionDropout, boolean flip) {
        public static final Augmentation NONE = new Augmentation(0, 0, false);
    }

    public TrainingConfig {
        if (steps < 1 || batchSize < 1 || accumulation < 1) {
            throw new IllegalArgumentException(
                    "steps are %d, the batch size %d and the gradient accumulation steps %d, but all must be 1 or more"
                            .formatted(steps, batchSize, accumulation));
        }
        if (!(augmentation.captionDropout() >= 0 && augmentation.captionDropout() <= 1)) {
            throw new IllegalArgumentException(
                    "the caption dropout is %s, but must be 0 to 1".formatted(augmentation.captionDropout()));
        }
        schedule(learningRate, steps);
    }

    /** A constant learning rate, batches of one, AdamW, nothing else. */
    public static TrainingConfig of(int steps, double learningRate, long seed) {
        return new TrainingConfig(
                steps,
                1,
                1,
                LearningRate.constant(learningRate),
                OptimizerConfig.DEFAULT,
                Loss.DEFAULT,
                Augmentation.NONE,
                false,
                seed);
    }

    public TrainingConfig withBatchSize(int size) {
        return new TrainingConfig(
                steps, size, accumulation, learningRate, optimizer, loss, augmentation, gradientCheckpointing, seed);
    }

    public TrainingConfig withAccumulation(int parts) {
        return new TrainingConfig(
                steps, batchSize, parts, learningRate, optimizer, loss, augmentation, gradientCheckpointing, seed);
    }

    public TrainingConfig withLearningRate(LearningRate other) {
        return new TrainingConfig(
                steps, batchSize, accumulation, other, optimizer, loss, augmentation, gradientCheckpointing, seed);
    }

    public TrainingConfig withOptimizer(OptimizerConfig other) {
        return new TrainingConfig(
                steps, batchSize, accumulation, learningRate, other, loss, augmentation, gradientCheckpointing, seed);
    }

    public TrainingConfig withLoss(Loss other) {
        return new TrainingConfig(
                steps,
                batchSize,
                accumulation,
                learningRate,
                optimizer,
                other,
                augmentation,
                gradientCheckpointing,
                seed);
    }

    public TrainingConfig withAugmentation(Augmentation other) {
        return new TrainingConfig(
                steps, batchSize, accumulation, learningRate, optimizer, loss, other, gradientCheckpointing, seed);
    }

    /** Activations are computed again going backward instead of kept: slower, in much less memory. */
    public TrainingConfig withGradientCheckpointing(boolean on) {
        return new TrainingConfig(
                steps, batchSize, accumulation, learningRate, optimizer, loss, augmentation, on, seed);
    }

    /** The learning rate of each step. */
    public LearningRateSchedule schedule() {
        return schedule(learningRate, steps);
    }

    private static LearningRateSchedule schedule(LearningRate rate, int steps) {
        return new LearningRateSchedule(
                LearningRateSchedule.Kind.named(rate.schedule()),
                rate.rate(),
                rate.warmupSteps(),
                steps,
                rate.cycles(),
                rate.power());
    }
}
