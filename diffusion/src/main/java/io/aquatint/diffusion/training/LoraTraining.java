package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.PromptEmbedding;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TimeIds;
import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Trains a LoRA on a UNet's attention. Latents and text embeddings are computed once, at the start; a step then draws noise and
 * timesteps, predicts, and updates the adapter. All that is random follows from the seed and the step, so that a training resumed
 * from its state goes on as if never stopped.
 *
 * <p>Native memory is flat from step to step; {@link #close} frees it. The model stays the caller's.
 */
public final class LoraTraining implements AutoCloseable {
    private final NDManager manager;
    private final LoraLayout layout;
    private final TrainingConfig config;
    private final LearningRateSchedule learningRates;
    private final NoiseSchedule noiseSchedule;
    private final StepRandom random;
    private final List<Example> examples;
    private final Shape latentShape;
    private final Shape contextShape;
    private final TimeIds timeIds;
    private final LoraStep lora;
    private int step;

    /** A picture's latent distribution, already scaled, and its caption's embedding; pooled is empty where a model has none. */
    private record Example(float[] mean, float[] deviation, float[] context, float[] pooled) {}

    /** @param step how many steps are done
     *  @param gradientNorm before clipping */
    public record StepResult(int step, float loss, double learningRate, float gradientNorm) {}

    private LoraTraining(
            StableDiffusion model, LoraConfig lora, TrainingConfig config, List<TrainingExample> examples) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("a training needs at least one picture");
        }
        checkSizes(model, examples);
        this.config = config;
        this.learningRates = config.schedule();
        this.noiseSchedule = model.noiseSchedule();
        this.layout = LoraLayout.of(model.source().weights("unet"), lora);
        this.random = new StepRandom(config.seed(), examples.size());
        this.manager = model.manager().newSubManager();
        Picture first = examples.get(0).picture();
        int factor = model.vaeConfig().factor();
        int channels = model.vaeConfig().latentChannels();
        this.latentShape = new Shape(config.batchSize(), channels, first.height() / factor, first.width() / factor);
        this.examples = encode(model, examples);
        this.contextShape = new Shape(
                config.batchSize(),
                model.textEncoders().get(0).tokenizer().maxLength(),
                model.unetConfig().crossAttentionDim());
        this.timeIds = TimeIds.of(first.width(), first.height());
        this.lora = new LoraStep(
                manager,
                model.unetConfig(),
                model.unetWeights(),
                layout,
                config.optimizer(),
                layout.initialize(config.seed()));
    }

    /**
     * Starts a training.
     *
     * @param examples pictures of one size, which the autoencoder's factor divides
     */
    public static LoraTraining start(
            StableDiffusion model, LoraConfig lora, TrainingConfig config, List<TrainingExample> examples) {
        return new LoraTraining(model, lora, config, examples);
    }

    /**
     * Goes on from what {@link #saveState} wrote, with the same settings and pictures.
     *
     * @throws CheckpointException if the state belongs to other settings
     */
    public static LoraTraining resume(
            StableDiffusion model, LoraConfig lora, TrainingConfig config, List<TrainingExample> examples, Path state) {
        LoraTraining training = new LoraTraining(model, lora, config, examples);
        try {
            training.restore(SafetensorsFile.open(state));
            return training;
        } catch (RuntimeException e) {
            training.close();
            throw e;
        }
    }

    private static void checkSizes(StableDiffusion model, List<TrainingExample> examples) {
        Picture first = examples.get(0).picture();
        int factor = model.vaeConfig().factor();
        for (TrainingExample example : examples) {
            Picture picture = example.picture();
            if (picture.width() != first.width() || picture.height() != first.height()) {
                throw new IllegalArgumentException("picture %s is %d x %d, but the first is %d x %d"
                        .formatted(example.id(), picture.width(), picture.height(), first.width(), first.height()));
            }
        }
        if (first.width() % factor != 0 || first.height() % factor != 0) {
            throw new IllegalArgumentException("the pictures are %d x %d, but both sides must be multiples of %d"
                    .formatted(first.width(), first.height(), factor));
        }
    }

    private List<Example> encode(StableDiffusion model, List<TrainingExample> pictures) {
        float scale = (float) model.vaeConfig().scalingFactor();
        List<Example> encoded = new ArrayList<>();
        for (TrainingExample example : pictures) {
            try (NDManager scope = manager.newSubManager()) {
                Picture picture = example.picture();
                NDArray image = scope.create(picture.toPlanes(), new Shape(1, 3, picture.height(), picture.width()));
                StableDiffusion.Moments moments = model.encodeImages(scope, image);
                PromptEmbedding caption = model.encodeText(scope, List.of(example.caption()));
                NDArray pooled = caption.pooled();
                encoded.add(new Example(
                        moments.mean().mul(scale).toFloatArray(),
                        moments.logvar().mul(0.5f).exp().mul(scale).toFloatArray(),
                        caption.context().toFloatArray(),
                        pooled == null ? new float[0] : pooled.toFloatArray()));
            }
        }
        return encoded;
    }

    /**
     * Does one step.
     *
     * @throws TrainingDivergedException if the loss is not finite
     * @throws IllegalStateException if all steps are done
     */
    public StepResult step() {
        if (done()) {
            throw new IllegalStateException("all %d steps are done".formatted(config.steps()));
        }
        int batch = config.batchSize();
        int size = (int) latentShape.size() / batch;
        int contextSize = (int) contextShape.size() / batch;
        float[] noisy = new float[batch * size];
        float[] target = new float[batch * size];
        float[] context = new float[batch * contextSize];
        int pooledSize = examples.get(0).pooled().length;
        float[] pooled = new float[batch * pooledSize];
        long[] timesteps = new long[batch];
        float[] lossWeights = new float[batch];
        SplittableRandom numbers = random.of(step);
        for (int b = 0; b < batch; b++) {
            Example example = examples.get(random.example((long) step * batch + b));
            int timestep = numbers.nextInt(noiseSchedule.steps());
            float[] latent = StepRandom.gaussians(numbers, size);
            for (int i = 0; i < size; i++) {
                latent[i] = example.mean()[i] + example.deviation()[i] * latent[i];
            }
            float[] noise = StepRandom.gaussians(numbers, size);
            float[] mixed = noiseSchedule.addNoise(latent, noise, timestep);
            float clean = (float) noiseSchedule.targetFromClean(timestep);
            float random = (float) noiseSchedule.targetFromNoise(timestep);
            for (int i = 0; i < size; i++) {
                noisy[b * size + i] = mixed[i];
                target[b * size + i] = clean * latent[i] + random * noise[i];
            }
            System.arraycopy(example.context(), 0, context, b * contextSize, contextSize);
            System.arraycopy(example.pooled(), 0, pooled, b * pooledSize, pooledSize);
            timesteps[b] = timestep;
            Double gamma = config.minSnrGamma();
            lossWeights[b] = gamma == null ? 1 : (float) noiseSchedule.minSnrWeight(timestep, gamma);
        }
        double rate = learningRates.at(step);
        try (NDManager scope = manager.newSubManager()) {
            LoraStep.Result result = lora.step(
                    new LoraStep.Batch(
                            scope.create(noisy, latentShape),
                            scope.create(target, latentShape),
                            scope.create(timesteps),
                            scope.create(context, contextShape),
                            scope.create(lossWeights),
                            scope.create(pooled, new Shape(batch, pooledSize)),
                            TimeIds.array(scope, Collections.nCopies(batch, timeIds))),
                    rate);
            step++;
            if (!Float.isFinite(result.loss()) || !Float.isFinite(result.gradientNorm())) {
                throw new TrainingDivergedException(step, result.loss(), result.gradientNorm());
            }
            return new StepResult(step, result.loss(), rate, result.gradientNorm());
        }
    }

    /** How many steps are done. */
    public int stepsDone() {
        return step;
    }

    public boolean done() {
        return step >= config.steps();
    }

    /** The adapter as it is now. */
    public LoraWeights adapter() {
        float[] flat = lora.adapter();
        Map<String, LoraPair> modules = new LinkedHashMap<>();
        for (LoraLayout.Site site : layout.sites().values()) {
            modules.put(
                    site.module(),
                    LoraPair.linear(
                            layout.config().rank(),
                            site.in(),
                            site.out(),
                            layout.down(flat, site),
                            layout.up(flat, site),
                            layout.config().alpha()));
        }
        return LoraWeights.of(LoraWeights.Component.UNET, modules);
    }

    /** Writes all that {@link #resume} needs. */
    public void saveState(Path file) {
        float[][] moments = lora.moments();
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        tensors.put("adapter", TensorData.of(lora.adapter(), layout.size()));
        tensors.put("exp_avg", TensorData.of(moments[0], layout.size()));
        tensors.put("exp_avg_sq", TensorData.of(moments[1], layout.size()));
        SafetensorsWriter.write(file, tensors, Map.of("step", String.valueOf(step), "settings", settings()));
    }

    private void restore(SafetensorsFile state) {
        String settings = state.metadata().getOrDefault("settings", "none");
        if (!settings.equals(settings())) {
            throw new CheckpointException("%s: this state is of a training with %s, not %s"
                    .formatted(state.describe(), settings, settings()));
        }
        try {
            step = Integer.parseInt(state.metadata().getOrDefault("step", ""));
        } catch (NumberFormatException e) {
            throw new CheckpointException(state.describe() + ": this state does not say its step", e);
        }
        lora.restore(
                state.read("adapter").toFloats(),
                state.read("exp_avg").toFloats(),
                state.read("exp_avg_sq").toFloats(),
                step);
    }

    private String settings() {
        return "%s, %s, %d pictures".formatted(layout.config(), config, examples.size());
    }

    @Override
    public void close() {
        manager.close();
    }
}
