package io.aquatint.trainer;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.LoraTraining;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingExample;
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
    static LoraTraining begin(
            TrainingSpec spec, StableDiffusion model, List<TrainingExample> examples, @Nullable Path state) {
        try {
            var lora = new LoraConfig(spec.rank(), spec.alpha(), spec.targetModules());
            TrainingConfig config = config(spec);
            return state == null
                    ? LoraTraining.start(model, lora, config, examples)
                    : LoraTraining.resume(model, lora, config, examples, state);
        } catch (IllegalArgumentException e) {
            throw new TrainingFailedException(FailureReason.BAD_SPEC, String.valueOf(e.getMessage()), e);
        }
    }

    private static TrainingConfig config(TrainingSpec spec) {
        OptimizerConfig usual = OptimizerConfig.DEFAULT;
        return new TrainingConfig(
                spec.steps(),
                spec.trainBatchSize(),
                spec.learningRate(),
                spec.learningRateSchedule(),
                spec.warmupSteps(),
                new OptimizerConfig(
                        usual.beta1(), usual.beta2(), usual.epsilon(), usual.weightDecay(), spec.maxGradientNorm()),
                spec.seed(),
                spec.minSnrGamma());
    }
}
