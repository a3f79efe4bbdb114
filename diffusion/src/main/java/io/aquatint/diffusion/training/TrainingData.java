package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.DeviceArrays;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.PromptEmbedding;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TimeIds;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The batches of a training. Latents, and text where it does not change, are computed once, at the start; what is random in a
 * batch follows from the seed and the batch's number alone.
 */
final class TrainingData {
    private final TrainingConfig config;
    private final NoiseSchedule schedule;
    private final BatchOrder order;
    private final List<Bucket> buckets = new ArrayList<>();
    private final boolean textAndTime;
    private final boolean changesText;
    private final int tokens;
    private final Map<String, Text> texts = new HashMap<>();
    private @Nullable Rows prepared;

    /** A picture's latent distribution, already scaled, as it is and (where pictures are flipped) mirrored. */
    private record Example(List<Latent> latents, List<String> captions, TimeIds sizes) {}

    /** The pictures of one size. */
    private record Bucket(List<Example> instances, List<Example> classImages) {}

    private record Latent(float[] mean, float[] deviation, Shape shape) {}

    /** What the UNet sees of a caption, or where text encoders are trained, its tokens for each of them. */
    private record Text(float[] context, float[] pooled, List<long[]> ids) {}

    TrainingData(StableDiffusion model, Trainable trainable, TrainingConfig config, TrainingSet set) {
        this.config = config;
        this.schedule = model.noiseSchedule();
        this.textAndTime = model.unetConfig().takesTextAndTime();
        this.changesText = trainable.changesText();
        this.tokens = model.textEncoders().get(0).tokenizer().maxLength();
        Map<TrainingSet.Size, List<TrainingExample>> classImages = TrainingSet.buckets(set.classImages());
        TrainingSet.buckets(set.instances())
                .forEach((size, instances) -> buckets.add(new Bucket(
                        encode(model, trainable, instances),
                        encode(model, trainable, classImages.getOrDefault(size, List.of())))));
        this.order = new BatchOrder(
                config.seed(),
                config.batchSize(),
                buckets.stream().map(bucket -> bucket.instances().size()).toList());
        if (config.augmentation().captionDropout() > 0) {
            texts.computeIfAbsent("", caption -> text(model, trainable, caption));
        }
    }

    private List<Example> encode(StableDiffusion model, Trainable trainable, List<TrainingExample> examples) {
        List<Example> encoded = new ArrayList<>();
        for (TrainingExample example : examples) {
            checkSize(model, example);
            List<Latent> latents = new ArrayList<>();
            latents.add(latent(model, example.picture()));
            if (config.augmentation().flip()) {
                latents.add(latent(model, example.picture().mirrored()));
            }
            List<String> captions = trainable.captions(example);
            captions.forEach(caption -> texts.computeIfAbsent(caption, text -> text(model, trainable, text)));
            encoded.add(new Example(latents, captions, example.sizes()));
        }
        return encoded;
    }

    private static void checkSize(StableDiffusion model, TrainingExample example) {
        int factor = model.vaeConfig().factor();
        Picture picture = example.picture();
        if (picture.width() % factor != 0 || picture.height() % factor != 0) {
            throw new IllegalArgumentException("picture %s is %d x %d, but both sides must be multiples of %d"
                    .formatted(example.id(), picture.width(), picture.height(), factor));
        }
    }

    private static Latent latent(StableDiffusion model, Picture picture) {
        float scale = (float) model.vaeConfig().scalingFactor();
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray image =
                    DeviceArrays.create(scope, picture.toPlanes(), new Shape(1, 3, picture.height(), picture.width()));
            StableDiffusion.Moments moments = model.encodeImages(scope, image);
            NDArray mean = moments.mean().mul(scale);
            NDArray deviation = moments.logvar().mul(0.5f).exp().mul(scale);
            return new Latent(
                    mean.toFloatArray(),
                    deviation.toFloatArray(),
                    mean.getShape().slice(1));
        }
    }

    private Text text(StableDiffusion model, Trainable trainable, String caption) {
        if (changesText) {
            List<long[]> ids = new ArrayList<>();
            for (ClipTokenizer tokenizer : trainable.tokenizers()) {
                ids.add(tokenizer.encode(caption));
            }
            return new Text(new float[0], new float[0], ids);
        }
        try (NDManager scope = model.manager().newSubManager()) {
            PromptEmbedding embedding = model.encodeText(scope, List.of(caption));
            NDArray pooled = embedding.pooled();
            return new Text(
                    embedding.context().toFloatArray(),
                    pooled == null ? new float[0] : pooled.toFloatArray(),
                    List.of());
        }
    }

    /** How many pictures are learned from. */
    int size() {
        return buckets.stream()
                .mapToInt(bucket ->
                        bucket.instances().size() + bucket.classImages().size())
                .sum();
    }

    /**
     * The inputs of a batch, in the order of {@link LossGraph}.
     *
     * @param number from 0
     */
    NDArray[] batch(NDManager scope, long number) {
        prepare(number);
        return Objects.requireNonNull(prepared).inputs(scope);
    }

    /** Draws a batch, unless it is drawn: what {@link #batch} of the same number does not have to do then. */
    void prepare(long number) {
        if (prepared == null || prepared.number != number) {
            prepared = rows(number);
        }
    }

    private Rows rows(long number) {
        SplittableRandom random = new SplittableRandom(BatchOrder.mix(config.seed(), number));
        BatchOrder.Batch pictures = order.batch(number);
        Rows rows = new Rows(number);
        Bucket bucket = buckets.get(pictures.bucket());
        for (int index : pictures.examples()) {
            rows.add(bucket.instances().get(index), 1, random);
        }
        if (!bucket.classImages().isEmpty()) {
            rows.twoMeans = true;
            for (int index : order.others(pictures, bucket.classImages().size())) {
                rows.add(bucket.classImages().get(index), config.loss().priorWeight(), random);
            }
        }
        return rows;
    }

    /** The pictures of a batch as they are drawn. */
    private final class Rows {
        private final long number;
        private final List<float[]> noisy = new ArrayList<>();
        private final List<float[]> targets = new ArrayList<>();
        private final List<Long> timesteps = new ArrayList<>();
        private final List<Double> weights = new ArrayList<>();
        private final List<Text> captions = new ArrayList<>();
        private final List<TimeIds> sizes = new ArrayList<>();
        private Shape latent = new Shape();
        private boolean twoMeans;

        Rows(long number) {
            this.number = number;
        }

        void add(Example example, double weight, SplittableRandom random) {
            int timestep = random.nextInt(schedule.steps());
            Latent drawn =
                    example.latents().get(random.nextInt(example.latents().size()));
            latent = drawn.shape();
            float[] clean = gaussians(random, drawn.mean().length);
            for (int i = 0; i < clean.length; i++) {
                clean[i] = drawn.mean()[i] + drawn.deviation()[i] * clean[i];
            }
            float[] noise = gaussians(random, clean.length);
            offset(noise, random);
            float fromClean = (float) schedule.targetFromClean(timestep);
            float fromNoise = (float) schedule.targetFromNoise(timestep);
            float[] target = new float[clean.length];
            for (int i = 0; i < target.length; i++) {
                target[i] = fromClean * clean[i] + fromNoise * noise[i];
            }
            noisy.add(schedule.addNoise(clean, noise, timestep));
            targets.add(target);
            timesteps.add((long) timestep);
            Double gamma = config.loss().minSnrGamma();
            weights.add(gamma == null ? weight : weight * schedule.minSnrWeight(timestep, gamma));
            captions.add(caption(example, random));
            sizes.add(example.sizes());
        }

        private void offset(float[] noise, SplittableRandom random) {
            double deviation = config.augmentation().noiseOffset();
            if (deviation == 0) {
                return;
            }
            int plane = (int) (latent.get(1) * latent.get(2));
            for (int channel = 0; channel < latent.get(0); channel++) {
                float shift = (float) (deviation * random.nextGaussian());
                for (int i = channel * plane; i < (channel + 1) * plane; i++) {
                    noise[i] += shift;
                }
            }
        }

        private Text caption(Example example, SplittableRandom random) {
            double dropout = config.augmentation().captionDropout();
            boolean dropped = dropout > 0 && random.nextDouble() < dropout;
            String caption = dropped
                    ? ""
                    : example.captions().get(random.nextInt(example.captions().size()));
            return texts.getOrDefault(caption, new Text(new float[0], new float[0], List.of()));
        }

        NDArray[] inputs(NDManager scope) {
            int count = noisy.size();
            Shape shape = new Shape(count).addAll(latent);
            List<NDArray> inputs = new ArrayList<>();
            inputs.add(DeviceArrays.create(scope, joined(noisy), shape));
            inputs.add(DeviceArrays.create(scope, joined(targets), shape));
            inputs.add(
                    scope.create(timesteps.stream().mapToLong(Long::longValue).toArray()));
            inputs.add(scope.create(lossWeights()));
            if (changesText) {
                for (int encoder = 0; encoder < captions.get(0).ids().size(); encoder++) {
                    long[] ids = new long[count * tokens];
                    for (int i = 0; i < count; i++) {
                        System.arraycopy(captions.get(i).ids().get(encoder), 0, ids, i * tokens, tokens);
                    }
                    inputs.add(scope.create(ids, new Shape(count, tokens)));
                }
            } else {
                float[] contexts = joined(captions.stream().map(Text::context).toList());
                Shape context = new Shape(count, tokens, contexts.length / count / tokens);
                inputs.add(DeviceArrays.create(scope, contexts, context));
                if (textAndTime) {
                    float[] pooled = joined(captions.stream().map(Text::pooled).toList());
                    inputs.add(DeviceArrays.create(scope, pooled, new Shape(count, pooled.length / count)));
                }
            }
            if (textAndTime) {
                inputs.add(TimeIds.array(scope, sizes));
            }
            return inputs.toArray(NDArray[]::new);
        }

        /**
         * With class images the loss is the mean over the subject's pictures plus the weighted mean over the others, as in
         * diffusers' script; the graph takes one mean over both halves, so each counts twice.
         */
        private float[] lossWeights() {
            float[] numbers = new float[weights.size()];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = (float) ((twoMeans ? 2 : 1) * weights.get(i));
            }
            return numbers;
        }
    }

    private static float[] joined(List<float[]> rows) {
        int size = rows.get(0).length;
        float[] joined = new float[size * rows.size()];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, joined, i * size, size);
        }
        return joined;
    }

    private static float[] gaussians(SplittableRandom random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }
}
