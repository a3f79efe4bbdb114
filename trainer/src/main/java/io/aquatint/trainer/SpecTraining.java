package io.aquatint.trainer;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingMethod.Templates;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.FailureReason;
import io.aquatint.events.TrainingSpec;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes a training out of a spec. The settings are looked at by the parts that they are for; what those refuse is wrong in the spec.
 */
public final class SpecTraining {
    private SpecTraining() {}

    /**
     * Begins a training.
     *
     * @param previous a folder with what an earlier training learned, which this one starts from; the base model when null
     * @throws TrainingFailedException for a setting that cannot be, or an earlier training that does not fit
     */
    public static FineTuning begin(TrainingSpec spec, StableDiffusion model, TrainingSet set, @Nullable Path previous) {
        try {
            return previous == null
                    ? FineTuning.start(model, method(spec), config(spec), set)
                    : FineTuning.startFrom(model, method(spec), config(spec), set, previous);
        } catch (IllegalArgumentException e) {
            throw badSpec(String.valueOf(e.getMessage()), e);
        } catch (CheckpointException e) {
            if (previous == null) {
                throw e;
            }
            String from = spec.initFrom();
            throw badSpec(
                    from == null
                            ? String.valueOf(e.getMessage())
                            : "initFrom is %s, which does not fit: %s".formatted(from, e.getMessage()),
                    e);
        }
    }

    /**
     * Goes on with a training.
     *
     * @param state what to go on from
     * @throws TrainingFailedException for a setting that cannot be
     * @throws CheckpointException if the state belongs to other settings
     */
    public static FineTuning resume(TrainingSpec spec, StableDiffusion model, TrainingSet set, Path state) {
        try {
            return FineTuning.resume(model, method(spec), config(spec), set, state);
        } catch (IllegalArgumentException e) {
            throw badSpec(String.valueOf(e.getMessage()), e);
        }
    }

    public static Precision precision(TrainingSpec spec) {
        return Precision.valueOf(spec.precision().toUpperCase(Locale.ROOT));
    }

    private static TrainingMethod method(TrainingSpec spec) {
        return switch (spec.method()) {
            case LORA, DREAMBOOTH_LORA ->
                new TrainingMethod.Lora(
                        new LoraConfig(spec.rank(), spec.alpha(), spec.targetModules()), spec.trainTextEncoder());
            case DREAMBOOTH, FULL ->
                new TrainingMethod.FullFineTuning(
                        spec.trainTextEncoder(), spec.emaDecay() == 0 ? null : spec.emaDecay());
            case TEXTUAL_INVERSION ->
                new TrainingMethod.TextualInversion(
                        Objects.requireNonNull(spec.subjectWord()),
                        spec.numVectors(),
                        spec.initialWord(),
                        Templates.valueOf(spec.learnableProperty().toUpperCase(Locale.ROOT)));
        };
    }

    private static TrainingConfig config(TrainingSpec spec) {
        return new TrainingConfig(
                spec.steps(),
                spec.trainBatchSize(),
                spec.gradientAccumulationSteps(),
                new TrainingConfig.LearningRate(
                        spec.learningRate(),
                        spec.learningRateSchedule(),
                        spec.warmupSteps(),
                        spec.scheduleCycles(),
                        spec.schedulePower()),
                new OptimizerConfig(
                        OptimizerConfig.Kind.named(spec.optimizer()).orElseThrow(),
                        spec.adamBeta1(),
                        spec.adamBeta2(),
                        spec.adamEpsilon(),
                        spec.adamWeightDecay(),
                        spec.maxGradientNorm()),
                new TrainingConfig.Loss(spec.minSnrGamma(), spec.priorLossWeight()),
                new TrainingConfig.Augmentation(spec.noiseOffset(), spec.captionDropout(), spec.randomFlip()),
                spec.gradientCheckpointing(),
                spec.seed());
    }

    private static TrainingFailedException badSpec(String detail, RuntimeException cause) {
        return new TrainingFailedException(FailureReason.BAD_SPEC, detail, cause);
    }
}
