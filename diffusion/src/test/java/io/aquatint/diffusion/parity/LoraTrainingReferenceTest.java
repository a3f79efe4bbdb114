package io.aquatint.diffusion.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.parity.ReferenceLoraTraining.Batch;
import io.aquatint.diffusion.parity.ReferenceLoraTraining.Parameter;
import io.aquatint.diffusion.parity.ReferenceLoraTraining.Settings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real training against {@link ReferenceLoraTraining}, and that against differences of the loss. Latents are 32 x 32: from 8 x
 * 8, the innermost group norms normalise two numbers each, which makes gradients jump by rounding alone. AdamW's epsilon is above
 * what rounding makes of a gradient: with 1e-8, a number whose gradient is nearly nothing takes a whole step this way or that, as the
 * order of the sums (the number of threads) has it, and its layer is off by up to 1e-3.
 */
class LoraTrainingReferenceTest {
    private static final DiffusersFolder MODEL = DiffusersFolder.open(Golden.path("sd15/model"));
    private static final double EPSILON = 1e-5;
    private static final String DOWN = ".lora.down.weight";
    private static final String UP = ".lora.up.weight";

    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @CsvSource({"train-lora, 4, 0", "train-lora-alpha8-snr5, 8, 5"})
    void aCaseThatHoldsTheAdapterTrainingBeganFromIsOk(String name, double alpha, double gamma) throws IOException {
        Map<String, TensorData> tensors = large(name);
        double rate = gamma > 0 ? 2e-3 : 1e-3; // as the case says
        try (ReferenceLoraTraining reference =
                new ReferenceLoraTraining(MODEL, new Settings(4, alpha, rate, EPSILON, gamma))) {
            addPairs(reference, tensors, 0);
            reference.named("init.").forEach((tensor, values) -> replace(tensors, tensor, values));
            int steps = tensor(tensors, "losses").size();
            float[] losses = new float[steps];
            float[] norms = new float[steps];
            for (int step = 0; step < steps; step++) {
                ReferenceLoraTraining.Result result = reference.step(batch(tensors, step));
                losses[step] = (float) result.loss();
                norms[step] = (float) result.gradientNorm();
            }
            replace(tensors, "losses", losses);
            replace(tensors, "grad_norms", norms);
            reference.named("final.").forEach((tensor, values) -> replace(tensors, tensor, values));
        }
        Errors right = errors(name, tensors);
        assertThat(right.whole()).isLessThan(1e-5);
        assertThat(right.worst()).isLessThan(ParityRunner.TRAINING_AND_SAMPLING);

        replace(tensors, "losses", new float[tensor(tensors, "losses").size()]);
        assertThat(errors(name, tensors).worst()).isGreaterThan(1e-3);
    }

    /**
     * @param whole of losses, gradient norms and the adapter as one vector
     * @param worst of these and of each layer alone, which the case is judged by
     */
    private record Errors(double whole, double worst) {}

    private static Errors errors(String name, Map<String, TensorData> tensors) throws IOException {
        Path path = Files.createTempFile("golden", ".safetensors");
        try {
            String meta = SafetensorsFile.open(Golden.path("sd15/cases/" + name + ".safetensors"))
                    .metadata()
                    .getOrDefault("meta", "");
            SafetensorsWriter.write(
                    path, tensors, Map.of("meta", meta.replace("\"eps\": 1e-08", "\"eps\": " + EPSILON)));
            GoldenCase golden = GoldenCase.open(path);
            double whole = TrainingCases.train(MODEL, golden);
            return new Errors(whole, golden.worst());
        } finally {
            Files.delete(path);
        }
    }

    @Test
    void theGradientsAreTheSlopesOfTheLoss() {
        Map<String, TensorData> tensors = large("train-lora-alpha8-snr5");
        Batch batch = batch(tensors, 0);
        try (ReferenceLoraTraining reference = new ReferenceLoraTraining(MODEL, new Settings(4, 8, 1e-3, EPSILON, 5))) {
            addPairs(reference, tensors, 0.01);
            reference.lossAndGradients(batch);
            double norm = reference.gradientNorm();
            double width = 0.01;
            double above = lossAlongTheGradient(reference, batch, width / norm);
            double below = lossAlongTheGradient(reference, batch, -width / norm);
            assertThat((above - below) / (2 * width)).isCloseTo(norm, within(2e-3 * norm));
            for (Parameter parameter : reference.parameters().subList(60, 64)) {
                int steepest = 0;
                for (int i = 1; i < parameter.values().length; i++) {
                    steepest = Math.abs(parameter.gradient()[i])
                                    > Math.abs(parameter.gradient()[steepest])
                            ? i
                            : steepest;
                }
                double value = parameter.values()[steepest];
                parameter.values()[steepest] = value + 0.05;
                above = reference.loss(batch);
                parameter.values()[steepest] = value - 0.05;
                below = reference.loss(batch);
                parameter.values()[steepest] = value;
                double slope = parameter.gradient()[steepest];
                assertThat((above - below) / 0.1).isCloseTo(slope, within(0.05 * Math.abs(slope) + 2e-5));
            }
        }
    }

    @Test
    void aReferenceThatMovesByRoundingAloneIsCalledIllConditioned() throws IOException {
        Path cases = Files.createDirectories(folder.resolve("cases"));
        Files.createSymbolicLink(folder.resolve("model"), Golden.path("sd15/model"));
        Files.createSymbolicLink(folder.resolve("lora"), Golden.path("sd15/lora"));
        Files.copy(Golden.path("sd15/cases/text2img-lora.safetensors"), cases.resolve("text2img-lora.safetensors"));
        ByteArrayOutputStream reasons = new ByteArrayOutputStream();

        ParityRunner.run(
                folder,
                new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8),
                new PrintStream(reasons, true, StandardCharsets.UTF_8));

        assertThat(reasons.toString(StandardCharsets.UTF_8).lines().filter(line -> line.contains("ill-conditioned")))
                .hasSize(5);
    }

    private static double lossAlongTheGradient(ReferenceLoraTraining reference, Batch batch, double distance) {
        move(reference, distance);
        double loss = reference.loss(batch);
        move(reference, -distance);
        return loss;
    }

    private static void move(ReferenceLoraTraining reference, double distance) {
        for (Parameter parameter : reference.parameters()) {
            for (int i = 0; i < parameter.values().length; i++) {
                parameter.values()[i] += distance * parameter.gradient()[i];
            }
        }
    }

    /** The down matrices of the case; up normal numbers of a deviation. */
    private static void addPairs(ReferenceLoraTraining reference, Map<String, TensorData> tensors, double deviation) {
        Random random = new Random(3);
        tensors.forEach((name, down) -> {
            if (name.startsWith("init.") && name.endsWith(DOWN)) {
                String module = name.substring("init.".length(), name.length() - DOWN.length());
                float[] up = new float[tensor(tensors, "init." + module + UP).size()];
                for (int i = 0; i < up.length; i++) {
                    up[i] = (float) (deviation * random.nextGaussian());
                }
                reference.add(module, down.toFloats(), up);
            }
        });
    }

    private static Batch batch(Map<String, TensorData> tensors, int step) {
        long[] all = tensor(tensors, "timesteps").toLongs();
        int pictures = Math.toIntExact(tensor(tensors, "latents").info().shape().get(1));
        int[] timesteps = new int[pictures];
        for (int p = 0; p < pictures; p++) {
            timesteps[p] = (int) all[step * pictures + p];
        }
        return new Batch(
                row(tensors, "latents", step),
                row(tensors, "noise", step),
                timesteps,
                row(tensors, "context", step),
                rowShape(tensors, "latents"),
                rowShape(tensors, "context"));
    }

    private static float[] row(Map<String, TensorData> tensors, String name, int step) {
        int size = (int) rowShape(tensors, name).size();
        return Arrays.copyOfRange(tensor(tensors, name).toFloats(), step * size, (step + 1) * size);
    }

    private static Shape rowShape(Map<String, TensorData> tensors, String name) {
        return new Shape(tensor(tensors, name).info().dimensions()).slice(1);
    }

    /** A case with latents and noise of 32 x 32. */
    private static Map<String, TensorData> large(String name) {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/" + name + ".safetensors"));
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        file.names().forEach(tensor -> tensors.put(tensor, file.read(tensor)));
        Random random = new Random(11);
        for (String tensor : new String[] {"latents", "noise"}) {
            long[] shape = tensor(tensors, tensor).info().dimensions();
            shape[3] = 32;
            shape[4] = 32;
            float[] values = new float[(int) new Shape(shape).size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            tensors.put(tensor, TensorData.of(values, shape));
        }
        return tensors;
    }

    private static TensorData tensor(Map<String, TensorData> tensors, String name) {
        return Objects.requireNonNull(tensors.get(name), name);
    }

    private static void replace(Map<String, TensorData> tensors, String name, float[] values) {
        tensors.put(name, TensorData.of(values, tensor(tensors, name).info().dimensions()));
    }
}
