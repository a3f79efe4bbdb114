package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.Noise;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.PromptEmbedding;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TimeIds;
import io.aquatint.diffusion.pipeline.WeightedLora;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A loss that can be compared from step to step: the autoencoder's mean, noise seeded by each picture's content hash, the
 * midpoints of 8 equal bins of timesteps. The same adapter on the same pictures gives the same numbers, and a training that runs
 * beside it is not touched.
 */
public final class ValidationLoss {
    private static final int BINS = 8;
    private static final int LATENT_PIXELS_AT_ONCE = 8 * 32 * 32;

    private ValidationLoss() {}

    /** The midpoints of the bins: 62, 187, 312, 437, 562, 687, 812, 937 of 1000 timesteps. */
    public static List<Integer> timesteps(NoiseSchedule schedule) {
        List<Integer> timesteps = new ArrayList<>();
        for (int bin = 0; bin < BINS; bin++) {
            timesteps.add((2 * bin + 1) * schedule.steps() / (2 * BINS));
        }
        return timesteps;
    }

    /**
     * The mean squared error at each timestep, averaged over the pictures.
     *
     * @param adapter absent for the base model
     * @return by timestep, ascending
     */
    public static SortedMap<Integer, Double> evaluate(
            StableDiffusion model, @Nullable LoraWeights adapter, List<TrainingExample> examples) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("a validation loss needs at least one picture");
        }
        List<WeightedLora> adapters = adapter == null ? List.of() : List.of(new WeightedLora(adapter, 1));
        SortedMap<Integer, Double> losses = new TreeMap<>();
        try (AdaptedModel adapted = model.adapted(adapters)) {
            for (TrainingExample example : examples) {
                evaluate(model, adapted, example)
                        .forEach((timestep, loss) -> losses.merge(timestep, loss / examples.size(), Double::sum));
            }
        }
        return losses;
    }

    /** V: the mean over the timesteps of each loss, relative to what it was at step 0. */
    public static double relative(Map<Integer, Double> losses, Map<Integer, Double> initial) {
        if (!losses.keySet().equals(initial.keySet()) || losses.isEmpty()) {
            throw new IllegalArgumentException(
                    "losses at timesteps %s, but at step 0 at %s".formatted(losses.keySet(), initial.keySet()));
        }
        double sum = 0;
        for (Map.Entry<Integer, Double> loss : losses.entrySet()) {
            sum += loss.getValue() / initial.getOrDefault(loss.getKey(), Double.NaN);
        }
        return sum / losses.size();
    }

    /** The same of one picture, for callers that have the adapted model at hand. */
    public static SortedMap<Integer, Double> evaluate(
            StableDiffusion model, AdaptedModel adapted, TrainingExample example) {
        SortedMap<Integer, Double> losses = new TreeMap<>();
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray latent = latent(scope, model, example.picture());
            Shape shape = latent.getShape();
            float[] clean = latent.toFloatArray();
            PromptEmbedding caption = adapted.encodeText(scope, List.of(example.caption()));
            TimeIds size =
                    TimeIds.of(example.picture().width(), example.picture().height());
            Noise noise = Noise.ofHash(example.id());
            List<Integer> timesteps = timesteps(model.noiseSchedule());
            int atOnce = (int) Math.max(1, LATENT_PIXELS_AT_ONCE / (shape.get(2) * shape.get(3)));
            for (int from = 0; from < timesteps.size(); from += atOnce) {
                List<Integer> some = timesteps.subList(from, Math.min(timesteps.size(), from + atOnce));
                losses.putAll(losses(scope, model, adapted, clean, shape, noise, caption, size, some));
            }
        }
        return losses;
    }

    /** The scaled mean of a picture's latent, [1, latentChannels, h, w]. */
    private static NDArray latent(NDManager scope, StableDiffusion model, Picture picture) {
        NDArray image = scope.create(picture.toPlanes(), new Shape(1, 3, picture.height(), picture.width()));
        return model.encodeImages(scope, image).mean().mul((float)
                model.vaeConfig().scalingFactor());
    }

    private static Map<Integer, Double> losses(
            NDManager parent,
            StableDiffusion model,
            AdaptedModel adapted,
            float[] clean,
            Shape shape,
            Noise noise,
            PromptEmbedding caption,
            TimeIds size,
            List<Integer> timesteps) {
        NoiseSchedule schedule = model.noiseSchedule();
        int count = timesteps.size();
        float[] noisy = new float[count * clean.length];
        float[] target = new float[count * clean.length];
        float[] times = new float[count];
        for (int i = 0; i < count; i++) {
            int timestep = timesteps.get(i);
            times[i] = timestep;
            float[] epsilon = noise.next(clean.length);
            System.arraycopy(schedule.addNoise(clean, epsilon, timestep), 0, noisy, i * clean.length, clean.length);
            for (int j = 0; j < clean.length; j++) {
                target[i * clean.length + j] = (float) (schedule.targetFromClean(timestep) * clean[j]
                        + schedule.targetFromNoise(timestep) * epsilon[j]);
            }
        }
        Shape batch = new Shape(count, shape.get(1), shape.get(2), shape.get(3));
        Map<Integer, Double> losses = new TreeMap<>();
        try (NDManager scope = parent.newSubManager()) {
            PromptEmbedding captions = caption.repeated(scope, count);
            NDArray timeIds = TimeIds.array(scope, Collections.nCopies(count, size));
            NDArray output = adapted.predict(scope, scope.create(noisy, batch), scope.create(times), captions, timeIds);
            float[] predicted = output.toFloatArray();
            for (int i = 0; i < count; i++) {
                double sum = 0;
                for (int j = i * clean.length; j < (i + 1) * clean.length; j++) {
                    double difference = (double) predicted[j] - target[j];
                    sum += difference * difference;
                }
                losses.put(timesteps.get(i), sum / clean.length);
            }
        }
        return losses;
    }
}
