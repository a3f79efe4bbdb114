package io.aquatint.diffusion.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingStep;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The reference files hold the adapter only as it was after training. Its up matrices began as zero, so the first loss does not
 * depend on the rest of it, and the later ones do but little.
 */
class LoraLossesTest {
    @ParameterizedTest
    @CsvSource({"train-lora, 4", "train-lora-alpha8-snr5, 8"})
    void fromAnAdapterThatChangesNothingTheLossesAreThoseOfDiffusers(String name, double alpha) {
        GoldenCase golden = GoldenCase.open(Golden.path("sd15/cases/" + name + ".safetensors"));
        TrainingMethod method = new TrainingMethod.Lora(new LoraConfig(4, alpha, LoraConfig.ATTENTION), false);
        float[] expected = golden.floats("losses");
        try (StableDiffusion model =
                        StableDiffusion.load(DiffusersFolder.open(Golden.path("sd15/model")), Precision.FP32);
                TrainingStep step = TrainingStep.of(model, method, OptimizerConfig.DEFAULT, 0)) {
            FlatTensors parameters = step.parameters(); // of a new adapter: up is zero
            golden.names().stream()
                    .filter(tensor -> tensor.startsWith("final.") && tensor.endsWith(".lora.down.weight"))
                    .forEach(tensor ->
                            parameters.set("unet." + tensor.substring("final.".length()), golden.tensor(tensor)));
            float[] losses = new float[expected.length];
            for (int i = 0; i < losses.length; i++) {
                int number = i;
                losses[i] = step.step(
                                golden.meta("lr").asDouble(),
                                scope -> TrainingCases.batch(scope, model, golden, number))
                        .loss();
            }
            assertThat(losses[0]).isCloseTo(expected[0], within(1e-5f));
            assertThat(Golden.relativeError(losses, expected)).isLessThan(1e-3);
        }
    }
}
