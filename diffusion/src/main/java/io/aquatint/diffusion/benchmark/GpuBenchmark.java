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

/**
 * Times steps of trainings and samplings on the default device, with models of full size and random weights. Its arguments are a
 * folder for the models, how many steps to time, and the works; prints a line of JSON for each.
 */
public final class GpuBenchmark {
    private static final int WARM_UP = 5;
    private static final int RANK = 16;

    private final Path models;
    private final int steps;

    private GpuBenchmark(Path models, int steps) {
        this.models = models;
        this.steps = steps;
    }

    /** @param arguments FOLDER STEPS WORK...; works are sd15-lora-1, sd15-lora-4, sdxl-lora-1, sd15-dreambooth-2, sd15-sample-1, -4 */
    public static void main(String[] arguments) {
        GpuBenchmark benchmark = new GpuBenchmark(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
        for (String work : Arrays.copyOfRange(arguments, 2, arguments.length)) {
            benchmark.run(work);
        }
    }

    private void run(String work) {
        String name = work.substring(0, work.indexOf('-'));
        int batch = Integer.parseInt(work.substring(work.lastIndexOf('-') + 1));
        Path folder = models.resolve(name);
        FullSizeModel.write(name, folder);
        if (work.equals(name + "-model-0")) {
            return; // it was only to be written
        }
        try (StableDiffusion model =
                StableDiffusion.load(ModelSource.open(folder), Precision.BF16, LoadProgress.UNSEEN)) {
            int pixels = name.equals("sdxl") ? 1024 : 512;
            if (work.contains("sample")) {
                sample(work, model, batch, pixels);
            } else {
                train(work, model, batch, pixels);
            }
        }
    }

    private void train(String work, StableDiffusion model, int batch, int pixels) {
        boolean dreamBooth = work.contains("dreambooth");
        int size = dreamBooth ? batch / 2 : batch;
        TrainingMethod method = dreamBooth
                ? new TrainingMethod.FullFineTuning(false, null)
                : new TrainingMethod.Lora(new LoraConfig(RANK, RANK, LoraConfig.ATTENTION), false);
        List<TrainingExample> instances = pictures(4, pixels, "a photo of sks dog");
        List<TrainingExample> others = dreamBooth ? pictures(4, pixels, "a photo of a dog") : List.of();
        TrainingConfig config = TrainingConfig.of(WARM_UP + steps, 1e-4, 1).withBatchSize(size);
        List<Double> times = new ArrayList<>();
        List<Float> losses = new ArrayList<>();
        double first = 0;
        try (FineTuning training = FineTuning.start(model, method, config, new TrainingSet(instances, others))) {
            while (!training.done()) {
                long start = System.nanoTime();
                losses.add(training.step().loss());
                double time = (System.nanoTime() - start) / 1e6;
                if (training.stepsDone() == 1) {
                    first = (System.currentTimeMillis()
                                    - ManagementFactory.getRuntimeMXBean().getStartTime())
                            / 1e3;
                }
                if (training.stepsDone() > WARM_UP) {
                    times.add(time);
                }
            }
            report(work, times, first, losses);
        }
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

    private void sample(String work, StableDiffusion model, int batch, int pixels) {
        List<Double> times = new ArrayList<>();
        double first = 0;
        List<GenerationRequest> requests = new ArrayList<>();
        for (int seed = 0; seed < batch; seed++) {
            requests.add(new GenerationRequest(
                    "a photo of a dog", "", seed, 30, 7.5, pixels, pixels, Sampler.Kind.DPMPP_2M));
        }
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
        }
        report(work, times, first, List.of());
    }

    private static void report(String work, List<Double> times, double first, List<Float> losses) {
        double[] sorted =
                times.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        Device device = Engine.getEngine("PyTorch").defaultDevice();
        double used = device.isGpu() ? CudaUtils.getGpuMemory(device).getCommitted() / Math.pow(2, 30) : 0;
        System.out.printf(
                Locale.ROOT,
                "{\"name\": \"%s\", \"median\": %.2f, \"min\": %.2f, \"max\": %.2f, \"used\": %.2f, \"first_step_s\": %.2f, \"losses\": %s}%n",
                work,
                sorted[sorted.length / 2],
                sorted[0],
                sorted[sorted.length - 1],
                used,
                first,
                losses);
    }
}
