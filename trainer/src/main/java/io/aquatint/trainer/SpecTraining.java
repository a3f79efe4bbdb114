package io.aquatint.trainer;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.FailureReason;
import io.aquatint.events.TrainingSpec;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a training out of a spec. */
final class SpecTraining {
    private SpecTraining() {}

    /**
     * Begins, or goes on. The settings are looked at by the parts that they are for; what those refuse is wrong in the spec.
     *
     * @param state what to go on from
     * @throws TrainingFailedException for a setting that cannot be
     * @throws io.aquatint.diffusion.checkpoint.CheckpointException if the state belongs to other settings
     */
    static FineTuning begin(
            TrainingSpec spec, StableDiffusion model, List<TrainingExample> examples, @Nullable Path state) {
        try {
            var lora = new LoraConfig(spec.rank(), spec.alpha(), spec.targetModules());
            var method = new TrainingMethod.Lora(lora, false);
            TrainingConfig config = config(spec);
            TrainingSet set = TrainingSet.of(examples);
            return state == null
                    ? FineTuning.start(model, method, config, set)
                    : FineTuning.resume(model, method, config, set, state);
        } catch (IllegalArgumentException e) {
            throw new TrainingFailedException(FailureReason.BAD_SPEC, String.valueOf(e.getMessage()), e);
        }
    }

    private static TrainingConfig config(TrainingSpec spec) {
        return TrainingConfig.of(spec.steps(), spec.learningRate(), spec.seed())
                .withBatchSize(spec.trainBatchSize())
                .withLearningRate(new TrainingConfig.LearningRate(
                        spec.learningRate(), spec.learningRateSchedule(), spec.warmupSteps(), 1))
                .withOptimizer(OptimizerConfig.DEFAULT.withMaxGradientNorm(spec.maxGradientNorm()))
                .withLoss(new TrainingConfig.Loss(spec.minSnrGamma(), 1));
    }
}
