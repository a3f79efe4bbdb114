package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The fine-tuning of a model, by any method. It computes in the precision that the model was loaded in, with float32 parameters.
 * All that is random follows from the seed and the step, so that a training resumed from its state goes on as if never stopped.
 *
 * <p>Native memory is flat from step to step; {@link #close} frees it, or leaves it with the model for the next training of the
 * same kind, which begins without compiling and recording. The model stays the caller's, and is not changed.
 */
public final class FineTuning implements AutoCloseable {
    private final TrainingMethod method;
    private final TrainingConfig config;
    private final LearningRateSchedule learningRates;
    private final Trainable trainable;
    private final TrainingData data;
    private final TrainingStep training;
    private int step;

    /**
     * @param step how many steps are done
     * @param gradientNorm before clipping
     */
    public record StepResult(int step, float loss, double learningRate, float gradientNorm) {}

    private FineTuning(
            StableDiffusion model,
            TrainingMethod method,
            TrainingConfig config,
            TrainingSet set,
            @Nullable Path previous) {
        this.method = method;
        this.config = config;
        this.learningRates = config.schedule();
        this.trainable = Trainable.of(model, method, config.seed());
        try {
            this.data = new TrainingData(model, trainable, config, set); // before what only this needs is let go
            this.training =
                    TrainingStep.of(model, trainable, config.optimizer(), previous, !config.gradientCheckpointing());
        } catch (RuntimeException e) {
            trainable.close();
            throw e;
        }
    }

    /**
     * Starts a training.
     *
     * @throws IllegalArgumentException for settings that cannot be with this model or these pictures
     */
    public static FineTuning start(
            StableDiffusion model, TrainingMethod method, TrainingConfig config, TrainingSet set) {
        return new FineTuning(model, method, config, set, null);
    }

    /**
     * Starts a training from what an earlier one of the same method learned.
     *
     * @param previous a folder that {@link #write} made
     * @throws CheckpointException if the folder has nothing that fits
     */
    public static FineTuning startFrom(
            StableDiffusion model, TrainingMethod method, TrainingConfig config, TrainingSet set, Path previous) {
        return new FineTuning(model, method, config, set, previous);
    }

    /**
     * Goes on from what {@link #saveState} wrote, with the same settings and pictures.
     *
     * @throws CheckpointException if the state belongs to other settings
     */
    public static FineTuning resume(
            StableDiffusion model, TrainingMethod method, TrainingConfig config, TrainingSet set, Path state) {
        FineTuning training = new FineTuning(model, method, config, set, null);
        try {
            training.restore(SafetensorsFile.open(state));
            return training;
        } catch (RuntimeException e) {
            training.close();
            throw e;
        }
    }

    /**
     * Does one step.
     *
     * @throws TrainingDivergedException if the loss or the gradient is not finite; the parameters are as they were before the step
     * @throws IllegalStateException if all steps are done
     */
    public StepResult step() {
        if (done()) {
            throw new IllegalStateException("all %d steps are done".formatted(config.steps()));
        }
        double rate = learningRates.at(step);
        boolean mayGoOn = training.mayGoOn();
        long first = (long) step * config.accumulation();
        TrainingStep.Result result = training.step(
                rate,
                config.accumulation(),
                (scope, part) -> data.batch(scope, first + part),
                () -> data.prepare(first + config.accumulation()));
        step++;
        if (!Float.isFinite(result.loss()) || (!result.updated() && !mayGoOn)) {
            throw new TrainingDivergedException(step, result.loss(), result.gradientNorm());
        }
        return new StepResult(step, result.loss(), rate, result.gradientNorm());
    }

    /** How many steps are done. */
    public int stepsDone() {
        return step;
    }

    public boolean done() {
        return step >= config.steps();
    }

    /**
     * Writes what was learned so far, as {@link TrainedFiles} has it.
     *
     * @param folder exists
     */
    public void write(Path folder, Map<String, String> metadata) {
        trainable.write(training.averagedParameters(), folder, metadata);
    }

    /** Writes all that {@link #resume} needs. */
    public void saveState(Path file) {
        training.save(file, Map.of("step", String.valueOf(step), "settings", settings()));
    }

    private void restore(SafetensorsFile state) {
        String settings = state.metadata().getOrDefault("settings", "none");
        if (!settings.equals(settings())) {
            throw new CheckpointException("%s: this state is of another training, %s"
                    .formatted(state.describe(), difference(settings, settings())));
        }
        try {
            step = Integer.parseInt(state.metadata().getOrDefault("step", ""));
        } catch (NumberFormatException e) {
            throw new CheckpointException(state.describe() + ": this state does not say its step", e);
        }
        training.restore(state);
    }

    /** What of two texts of the same form is not the same. */
    private static String difference(String before, String now) {
        List<String> had = new ArrayList<>(List.of(before.split(", ")));
        List<String> has = new ArrayList<>(List.of(now.split(", ")));
        while (!had.isEmpty() && !has.isEmpty() && had.get(0).equals(has.get(0))) {
            had.remove(0);
            has.remove(0);
        }
        while (!had.isEmpty() && !has.isEmpty() && had.get(had.size() - 1).equals(has.get(has.size() - 1))) {
            had.remove(had.size() - 1);
            has.remove(has.size() - 1);
        }
        return "with %s, not with %s".formatted(String.join(", ", had), String.join(", ", has));
    }

    private String settings() {
        return "%s, %s, %d pictures".formatted(method, config, data.size());
    }

    @Override
    public void close() {
        trainable.close();
        training.release();
    }
}
