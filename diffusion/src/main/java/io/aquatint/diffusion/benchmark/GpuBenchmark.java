package io.aquatint.diffusion.benchmark;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.util.cuda.CudaUtils;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.LoadProgress;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingSet;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Times steps of trainings and samplings on the default device, with models of full size and random weights. Its arguments are a
 * folder for the models, how many steps to time, and the works; prints a line of JSON for each, and for a training another one for the
 * next training in the same process.
 */
public final class GpuBenchmark {
    private static final int WARM_UP = 5;
    private static final int UNDER_THE_CLOCK = 5;
    private static final int RANK = 16;

    private final Path models;
    private final int steps;

    private GpuBenchmark(Path models, int steps) {
        this.models = models;
        this.steps = steps;
    }

    /** @param arguments FOLDER STEPS WORK...; see {@link Work} */
    public static void main(String[] arguments) {
        GpuBenchmark benchmark = new GpuBenchmark(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
        for (String work : Arrays.copyOfRange(arguments, 2, arguments.length)) {
            benchmark.run(Work.of(work));
        }
    }

    /**
     * What is timed.
     *
     * @param name MODEL-KIND-BATCH, and after another - an option of a training: adamw8bit, checkpointing or fp16
     * @param model sd15, 512 pixels, or sdxl, 1024
     * @param kind lora, dreambooth, sample, or model to write one and no more
     * @param batch pictures at once
     */
    private record Work(String name, String model, String kind, int batch, String option) {
        private static final List<String> KINDS = List.of("lora", "dreambooth", "sample", "model");
        private static final List<String> OPTIONS = List.of("", "adamw8bit", "checkpointing", "fp16");

        static Work of(String name) {
            String[] parts = name.split("-");
            String option = parts.length > 3 ? parts[3] : "";
            if (parts.length < 3 || !KINDS.contains(parts[1]) || !OPTIONS.contains(option)) {
                throw new IllegalArgumentException(
                        "%s is no work: MODEL-KIND-BATCH[-OPTION], KIND one of %s, OPTION one of %s"
                                .formatted(name, KINDS, OPTIONS));
            }
            return new Work(name, parts[0], parts[1], Integer.parseInt(parts[2]), option);
        }

        int pixels() {
            return model.equals("sdxl") ? 1024 : 512;
        }

        Precision precision() {
            return option.equals("fp16") ? Precision.FP16 : Precision.BF16;
        }

        TrainingConfig training(int steps, long seed) {
            TrainingConfig config = TrainingConfig.of(steps, 1e-4, seed)
                    .withBatchSize(kind.equals("dreambooth") ? batch / 2 : batch)
                    .withGradientCheckpointing(option.equals("checkpointing"));
            return option.equals("adamw8bit")
                    ? config.withOptimizer(OptimizerConfig.DEFAULT.withKind(OptimizerConfig.Kind.ADAMW_8BIT))
                    : config;
        }
    }

    private void run(Work work) {
        Path folder = models.resolve(work.model());
        FullSizeModel.write(work.model(), folder);
        if (work.kind().equals("model")) {
            return;
        }
        try (StableDiffusion model =
                StableDiffusion.load(ModelSource.open(folder), work.precision(), LoadProgress.UNSEEN)) {
            if (work.kind().equals("sample")) {
                sample(work, model);
            } else {
                train(work, model);
            }
        }
    }

    private void train(Work work, StableDiffusion model) {
        boolean dreamBooth = work.kind().equals("dreambooth");
        int pixels = work.pixels();
        TrainingMethod method = dreamBooth
                ? new TrainingMethod.FullFineTuning(false, null)
                : new TrainingMethod.Lora(new LoraConfig(RANK, RANK, LoraConfig.ATTENTION), false);
        List<TrainingExample> instances = pictures(4, pixels, "a photo of sks dog");
        List<TrainingExample> others = dreamBooth ? pictures(4, pixels, "a photo of a dog") : List.of();
        TrainingConfig config = work.training(WARM_UP + steps + UNDER_THE_CLOCK, 1);
        TrainingSet set = new TrainingSet(instances, others);
        List<Double> times = new ArrayList<>();
        List<Float> losses = new ArrayList<>();
        try (FineTuning training = FineTuning.start(model, method, config, set)) {
            losses.add(training.step().loss());
            long begun = ManagementFactory.getRuntimeMXBean().getStartTime();
            double first = (System.currentTimeMillis() - begun) / 1e3;
            while (training.stepsDone() < WARM_UP + steps) {
                long start = System.nanoTime();
                losses.add(training.step().loss());
                if (training.stepsDone() > WARM_UP) {
                    times.add((System.nanoTime() - start) / 1e6);
                }
            }
            String kernels = kernels(UNDER_THE_CLOCK, training::step);
            report(
                    work,
                    times,
                    String.format(Locale.ROOT, "\"first_step_s\": %.2f%s, \"losses\": %s", first, kernels, losses));
        }
        secondJob(work, model, method, set);
    }

    /** Another training with the base that is there, from its request, with all pictures, to the end of its first step. */
    private static void secondJob(Work work, StableDiffusion model, TrainingMethod method, TrainingSet set) {
        TrainingConfig config = work.training(1, 2);
        long start = System.nanoTime();
        try (FineTuning training = FineTuning.start(model, method, config, set)) {
            training.step();
            System.out.printf(Locale.ROOT, "{\"second_job_s\": %.2f}%n", (System.nanoTime() - start) / 1e9);
        }
    }

    /** What the GPU does in one of some runs, as a part of a line of JSON; empty where nobody can tell. */
    private static String kernels(int runs, Runnable run) {
        return KernelClock.ofDevice()
                .map(clock -> clock.of(() -> IntStream.range(0, runs).forEach(i -> run.run())))
                .map(total -> String.format(
                        Locale.ROOT,
                        ", \"kernels_ms\": %.2f, \"kernels\": %d",
                        total.milliseconds() / runs,
                        total.kernels() / runs))
                .orElse("");
    }

    private static List<TrainingExample> pictures(int count, int pixels, String caption) {
        List<TrainingExample> examples = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            byte[] rgb = new byte[3 * pixels * pixels];
            new Random(number).nextBytes(rgb);
            examples.add(new TrainingExample("%064x".formatted(number + 1), new Picture(pixels, pixels, rgb), caption));
        }
        return examples;
    }

    private void sample(Work work, StableDiffusion model) {
        int pixels = work.pixels();
        List<Double> times = new ArrayList<>();
        double first = 0;
        List<GenerationRequest> requests = new ArrayList<>();
        for (int seed = 0; seed < work.batch(); seed++) {
            requests.add(new GenerationRequest(
                    "a photo of a dog", "", seed, 30, 7.5, pixels, pixels, Sampler.Kind.DPMPP_2M));
        }
        String kernels;
        try (AdaptedModel adapted = model.adapted(List.of())) {
            for (int run = 0; run < 6; run++) {
                long start = System.nanoTime();
                TextToImage.generate(model, adapted, requests, done -> {});
                double time = (System.nanoTime() - start) / 1e6;
                if (run == 0) {
                    first = time / 1e3;
                } else {
                    times.add(time);
                }
            }
            kernels = kernels(1, () -> TextToImage.generate(model, adapted, requests, done -> {}));
        }
        report(work, times, String.format(Locale.ROOT, "\"first_sampling_s\": %.2f%s", first, kernels));
    }

    private static void report(Work work, List<Double> times, String more) {
        double[] sorted =
                times.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        Device device = Engine.getEngine("PyTorch").defaultDevice();
        double used = device.isGpu() ? CudaUtils.getGpuMemory(device).getCommitted() / Math.pow(2, 30) : 0;
        System.out.printf(
                Locale.ROOT,
                "{\"name\": \"%s\", \"median\": %.2f, \"min\": %.2f, \"max\": %.2f, \"used\": %.2f, %s}%n",
                work.name(),
                sorted[sorted.length / 2],
                sorted[0],
                sorted[sorted.length - 1],
                used,
                more);
    }
}
