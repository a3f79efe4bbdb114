package io.aquatint.diffusion.benchmark;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.LoadProgress;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingSet;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * How many steps a second the demo's training makes: LoRA of rank 8 on the demo model, 64 pixels, one picture a step, on the
 * processor. Its arguments are a folder for the model and how many rounds to time.
 */
public final class DemoBenchmark {
    private static final int STEPS = 50;
    private static final int PIXELS = 64;
    private static final int RANK = 8;

    private DemoBenchmark() {}

    /** @param arguments FOLDER ROUNDS */
    public static void main(String[] arguments) {
        Path demo = new BaseModels(Path.of(arguments[0])).path(BaseModels.DEMO);
        int rounds = Integer.parseInt(arguments[1]);
        try (StableDiffusion model =
                StableDiffusion.load(ModelSource.open(demo), Precision.FP32, LoadProgress.UNSEEN)) {
            TrainingMethod method = new TrainingMethod.Lora(new LoraConfig(RANK, RANK, LoraConfig.ATTENTION), false);
            TrainingConfig config = TrainingConfig.of((rounds + 1) * STEPS, 5e-4, 1);
            try (FineTuning training =
                    FineTuning.start(model, method, config, new TrainingSet(pictures(), List.of()))) {
                steps(training); // until all is compiled
                double[] rates = new double[rounds];
                for (int round = 0; round < rounds; round++) {
                    rates[round] = steps(training);
                }
                Arrays.sort(rates);
                System.out.println("| steps a second: median | min | max |");
                System.out.println("| --- | --- | --- |");
                System.out.printf(
                        Locale.ROOT, "| %.1f | %.1f | %.1f |%n", rates[rounds / 2], rates[0], rates[rounds - 1]);
            }
        }
    }

    private static double steps(FineTuning training) {
        long begin = System.nanoTime();
        for (int step = 0; step < STEPS; step++) {
            training.step();
        }
        return STEPS / ((System.nanoTime() - begin) / 1e9);
    }

    private static List<TrainingExample> pictures() {
        List<TrainingExample> examples = new ArrayList<>();
        for (int number = 0; number < 16; number++) {
            byte[] rgb = new byte[3 * PIXELS * PIXELS];
            new Random(number).nextBytes(rgb);
            examples.add(new TrainingExample(
                    "%064x".formatted(number + 1), new Picture(PIXELS, PIXELS, rgb), "aqtint photo of a cat"));
        }
        return examples;
    }
}
