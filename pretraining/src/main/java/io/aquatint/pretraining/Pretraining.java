package io.aquatint.pretraining;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.text.ClipTokenizer;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingStep;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * Trains the small base model from scratch: first the autoencoder, then text encoder and UNet together on its latents. Whatever
 * time it is given it uses, saves where it is, and goes on from there the next time.
 */
public final class Pretraining {
    /** AdamW as for training from scratch: the square's mean follows faster than fine-tuning needs. */
    private static final OptimizerConfig OPTIMIZER =
            new OptimizerConfig(OptimizerConfig.Kind.ADAMW, 0.9, 0.99, 1e-8, 1e-2, 1.0);

    private static final double AVERAGE_DECAY = 0.9995;
    private static final int WARMUP = 200;
    private static final int ENCODED_AT_ONCE = 512;
    private static final int TOLD_EVERY = 100;

    private final Path folder;
    private final Settings settings;
    private final Consumer<String> told;
    private final long end;

    /**
     * How much is trained.
     *
     * @param vaePictures how many different pictures the autoencoder sees
     * @param pictures how many the denoiser sees
     * @param captionDropout how often a caption is left empty, for guidance
     */
    public record Settings(
            int vaePictures,
            int vaeSteps,
            int vaeBatch,
            double vaeRate,
            int pictures,
            int steps,
            int batch,
            double rate,
            double captionDropout,
            Precision precision,
            long seed) {}

    /** A step's numbers. */
    @SuppressWarnings("ArrayRecordComponent")
    private record VaeBatch(long[] index, float[] noise) {}

    @SuppressWarnings("ArrayRecordComponent")
    private record Batch(
            long[] pictures,
            long[] captions,
            float[] spread,
            float[] epsilon,
            float[] timesteps,
            float[] signal,
            float[] noise) {}

    /**
     * @param folder gets {@code artwork.safetensors}, {@code state} and, in diffusers layout, {@code model}
     * @param atMost when it is to be saved and left for another time
     * @param told is told in words how far it is
     */
    public Pretraining(Path folder, Settings settings, Duration atMost, Consumer<String> told) {
        this.folder = folder;
        this.settings = settings;
        this.told = told;
        this.end = System.nanoTime() + atMost.toNanos();
    }

    /** @return whether the training is done; else there was no time for more */
    public boolean run() throws IOException, InterruptedException {
        Files.createDirectories(folder.resolve("state"));
        EmojiArtwork artwork = EmojiArtwork.at(folder.resolve("artwork.safetensors"));
        EmojiPictures pictures = EmojiPictures.training(artwork, settings.seed());
        BaseModel model = BaseModel.create(folder.resolve("model"), settings.seed());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            told.accept("on " + manager.getDevice());
            return trainVae(manager, model, pictures) && trainDenoiser(manager, model, pictures);
        }
    }

    private boolean trainVae(NDManager parent, BaseModel model, EmojiPictures pictures) throws InterruptedException {
        Path state = folder.resolve("state").resolve("vae.safetensors");
        if (stepsIn(state) >= settings.vaeSteps()) {
            return true;
        }
        try (NDManager manager = parent.newSubManager();
                StableDiffusion initial = StableDiffusion.load(model.folder())) {
            var config = initial.vaeConfig();
            ParameterLayout layout = VaeObjective.layout(config);
            FlatTensors parameters = FlatTensors.zeros(manager, layout);
            var weights = initial.source().weights("vae");
            weights.names().forEach(name -> parameters.set(name, weights.read(name)));
            Graph graph = VaeObjective.graph(config, layout, settings.precision());
            int side = EmojiPictures.SIZE / config.factor();
            Shape noise = new Shape(settings.vaeBatch(), config.latentChannels(), side, side);
            try (TrainingStep training = step(manager, graph, parameters)) {
                int first = resume(training, state);
                NDArray all = bytes(manager, pictures, 0, settings.vaePictures());
                told.accept("autoencoder: %d weights, %d pictures".formatted(layout.size(), settings.vaePictures()));
                LearningRateSchedule rates =
                        LearningRateSchedule.of("cosine", settings.vaeRate(), WARMUP, settings.vaeSteps());
                int last = loop(
                        "autoencoder",
                        first,
                        settings.vaeSteps(),
                        step -> vaeBatch(step, (int) noise.size()),
                        (step, batch) -> training.step(rates.at(step), scope ->
                                new NDArray[] {all, scope.create(batch.index()), scope.create(batch.noise(), noise)}));
                training.save(state, Map.of("step", String.valueOf(last)));
                model.write("vae", training.averagedParameters(), "");
                if (last < settings.vaeSteps()) {
                    return false;
                }
            }
        }
        try (StableDiffusion trained = StableDiffusion.load(model.folder())) {
            double factor = scalingFactor(trained, pictures, Math.min(ENCODED_AT_ONCE, settings.vaePictures()));
            model.scale(factor);
            told.accept("autoencoder: trained; the scaling factor is %.4f".formatted(factor));
        }
        return true;
    }

    private VaeBatch vaeBatch(int step, int noise) {
        SplittableRandom random = SplitMix.random(settings.seed() + 1, step);
        long[] index =
                random.longs(settings.vaeBatch(), 0, settings.vaePictures()).toArray();
        return new VaeBatch(index, gaussians(random, noise));
    }

    /** What gives latents a deviation of 1. */
    private static double scalingFactor(StableDiffusion model, EmojiPictures pictures, int count) {
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray images = bytes(scope, pictures, 0, count)
                    .toType(DataType.FLOAT32, false)
                    .div(127.5f)
                    .sub(1);
            StableDiffusion.Moments moments = model.encodeImages(scope, images);
            float mean = moments.mean().mean().getFloat();
            float square =
                    moments.mean().square().add(moments.logvar().exp()).mean().getFloat();
            return 1 / Math.sqrt(square - mean * mean);
        }
    }

    private boolean trainDenoiser(NDManager parent, BaseModel folders, EmojiPictures pictures)
            throws InterruptedException {
        Path state = folder.resolve("state").resolve("denoiser.safetensors");
        if (stepsIn(state) >= settings.steps()) {
            return true;
        }
        try (NDManager manager = parent.newSubManager();
                StableDiffusion model = StableDiffusion.load(folders.folder())) {
            var text = model.textEncoders().get(0);
            ParameterLayout layout = DenoiserObjective.layout(text.config(), model.unetConfig());
            FlatTensors parameters = FlatTensors.zeros(manager, layout);
            for (String component : new String[] {"unet", "text_encoder"}) {
                var weights = model.source().weights(component);
                weights.names().forEach(name -> parameters.set(component + "." + name, weights.read(name)));
            }
            Graph graph = DenoiserObjective.graph(text.config(), model.unetConfig(), layout, settings.precision());
            try (TrainingStep training = step(manager, graph, parameters)) {
                int first = resume(training, state);
                long begin = System.nanoTime();
                Examples examples = encode(manager, model, pictures);
                told.accept("denoiser: %d weights, %d pictures, encoded in %.0f s"
                        .formatted(layout.size(), settings.pictures(), (System.nanoTime() - begin) / 1e9));
                LearningRateSchedule rates =
                        LearningRateSchedule.of("cosine", settings.rate(), WARMUP, settings.steps());
                Shape latent = examples.shape(settings.batch());
                int last = loop(
                        "denoiser",
                        first,
                        settings.steps(),
                        step -> batch(step, model.noiseSchedule(), examples, (int) latent.size()),
                        (step, batch) -> training.step(rates.at(step), scope -> new NDArray[] {
                            examples.means(),
                            examples.deviations(),
                            examples.tokens(),
                            scope.create(batch.pictures()),
                            scope.create(batch.captions()),
                            scope.create(batch.spread(), latent),
                            scope.create(batch.epsilon(), latent),
                            scope.create(batch.timesteps()),
                            scope.create(batch.signal()),
                            scope.create(batch.noise())
                        }));
                training.save(state, Map.of("step", String.valueOf(last)));
                folders.write("unet", training.averagedParameters(), "unet.");
                folders.write("text_encoder", training.averagedParameters(), "text_encoder.");
                return last >= settings.steps();
            }
        }
    }

    private Batch batch(int step, NoiseSchedule schedule, Examples examples, int size) {
        SplittableRandom random = SplitMix.random(settings.seed() + 2, step);
        int count = settings.batch();
        long[] pictures = random.longs(count, 0, settings.pictures()).toArray();
        long[] captions = new long[count];
        float[] timesteps = new float[count];
        float[] signal = new float[count];
        float[] noise = new float[count];
        for (int i = 0; i < count; i++) {
            boolean dropped = random.nextDouble() < settings.captionDropout();
            captions[i] = dropped ? 0 : examples.captions()[(int) pictures[i]];
            int timestep = random.nextInt(schedule.steps());
            timesteps[i] = timestep;
            signal[i] = (float) schedule.signal(timestep);
            noise[i] = (float) schedule.noise(timestep);
        }
        return new Batch(
                pictures, captions, gaussians(random, size), gaussians(random, size), timesteps, signal, noise);
    }

    /**
     * All latents and captions.
     *
     * @param captions which row of the tokens each picture's caption is; row 0 is the empty caption
     */
    @SuppressWarnings("ArrayRecordComponent")
    private record Examples(NDArray means, NDArray deviations, NDArray tokens, int[] captions) {
        Shape shape(int count) {
            Shape all = means.getShape();
            return new Shape(count, all.get(1), all.get(2), all.get(3));
        }
    }

    private Examples encode(NDManager manager, StableDiffusion model, EmojiPictures pictures) {
        int count = settings.pictures();
        float scale = (float) model.vaeConfig().scalingFactor();
        NDList means = new NDList();
        NDList deviations = new NDList();
        try (NDManager parts = manager.newSubManager()) {
            for (int from = 0; from < count; from += ENCODED_AT_ONCE) {
                try (NDManager scope = parts.newSubManager()) {
                    NDArray images = bytes(scope, pictures, from, Math.min(ENCODED_AT_ONCE, count - from))
                            .toType(DataType.FLOAT32, false)
                            .div(127.5f)
                            .sub(1);
                    StableDiffusion.Moments moments = model.encodeImages(scope, images);
                    NDArray mean = moments.mean().mul(scale);
                    NDArray deviation = moments.logvar().mul(0.5f).exp().mul(scale);
                    mean.attach(parts);
                    deviation.attach(parts);
                    means.add(mean);
                    deviations.add(deviation);
                }
            }
            NDArray allMeans = NDArrays.concat(means, 0);
            NDArray allDeviations = NDArrays.concat(deviations, 0);
            allMeans.attach(manager);
            allDeviations.attach(manager);
            Map<String, Integer> rows = new LinkedHashMap<>();
            rows.put("", 0);
            int[] captions = new int[count];
            for (int i = 0; i < count; i++) {
                captions[i] = rows.computeIfAbsent(pictures.scene(i).caption(), caption -> rows.size());
            }
            return new Examples(allMeans, allDeviations, tokens(manager, model, rows), captions);
        }
    }

    private static NDArray tokens(NDManager manager, StableDiffusion model, Map<String, Integer> rows) {
        ClipTokenizer tokenizer = model.textEncoders().get(0).tokenizer();
        int length = tokenizer.maxLength();
        long[] tokens = new long[rows.size() * length];
        rows.forEach((caption, row) -> System.arraycopy(tokenizer.encode(caption), 0, tokens, row * length, length));
        return manager.create(tokens, new Shape(rows.size(), length));
    }

    /** Pictures as uint8, [count, 3, 64, 64]. */
    private static NDArray bytes(NDManager manager, EmojiPictures pictures, int from, int count) {
        int size = 3 * EmojiPictures.SIZE * EmojiPictures.SIZE;
        ByteBuffer bytes = ByteBuffer.allocateDirect(Math.multiplyExact(count, size));
        IntStream.range(0, count)
                .parallel()
                .forEach(i -> bytes.put(i * size, pictures.get((long) from + i).pixels()));
        return manager.create(bytes, new Shape(count, 3, EmojiPictures.SIZE, EmojiPictures.SIZE), DataType.UINT8);
    }

    private interface Action<T> {
        TrainingStep.Result apply(int step, T batch);
    }

    /** Steps until all are done or the time is over; how many are done. */
    private <T> int loop(String name, int first, int steps, IntFunction<T> batches, Action<T> action)
            throws InterruptedException {
        try (Prefetched<T> prefetched = new Prefetched<>(first, batches)) {
            double loss = 0;
            long begin = System.nanoTime();
            int step = first;
            while (step < steps && System.nanoTime() < end) {
                loss += action.apply(step, prefetched.take()).loss();
                step++;
                if (step % TOLD_EVERY == 0 || step == steps) {
                    int count = Math.min(step - first, (step - 1) % TOLD_EVERY + 1);
                    double seconds = (System.nanoTime() - begin) / 1e9;
                    told.accept("%s: step %d of %d, loss %.5f, %.1f steps a second"
                            .formatted(name, step, steps, loss / count, (step - first) / seconds));
                    loss = 0;
                }
            }
            return step;
        }
    }

    private TrainingStep step(NDManager manager, Graph graph, FlatTensors parameters) {
        return new TrainingStep(
                manager, graph, Weights.none(manager), parameters, OPTIMIZER, settings.precision(), AVERAGE_DECAY);
    }

    private static int resume(TrainingStep training, Path state) {
        if (Files.exists(state)) {
            training.restore(SafetensorsFile.open(state));
        }
        return stepsIn(state);
    }

    private static int stepsIn(Path state) {
        return Files.exists(state)
                ? Integer.parseInt(SafetensorsFile.open(state).metadata().getOrDefault("step", "0"))
                : 0;
    }

    private static float[] gaussians(SplittableRandom random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }
}
