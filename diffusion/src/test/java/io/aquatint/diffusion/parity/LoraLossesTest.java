package io.aquatint.diffusion.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.training.LoraStep;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import java.util.Set;
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
        DiffusersFolder model = DiffusersFolder.open(Golden.path("sd15/model"));
        GoldenCase golden = GoldenCase.open(Golden.path("sd15/cases/" + name + ".safetensors"));
        TensorSource source = model.weights("unet");
        LoraLayout layout = LoraLayout.of(source, new LoraConfig(4, alpha, LoraConfig.ATTENTION));
        float[] adapter = new float[layout.size()];
        for (LoraLayout.Site site : layout.sites().values()) {
            float[] down = golden.floats("final." + site.module() + ".lora.down.weight");
            layout.put(adapter, site, down, new float[4 * site.out()]);
        }
        float[] expected = golden.floats("losses");
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                LoraStep step = new LoraStep(
                        manager,
                        UNet2DConditionConfig.from(model.config("unet")),
                        Weights.load(manager, source, source.names(), Set.of()),
                        layout,
                        OptimizerConfig.DEFAULT,
                        adapter)) {
            float[] losses = new float[expected.length];
            for (int i = 0; i < losses.length; i++) {
                try (NDManager scope = manager.newSubManager()) {
                    losses[i] = step.step(
                                    TrainingCases.batch(scope, golden, i, false),
                                    golden.meta("lr").asDouble())
                            .loss();
                }
            }
            assertThat(losses[0]).isCloseTo(expected[0], within(1e-5f));
            assertThat(Golden.relativeError(losses, expected)).isLessThan(1e-3);
        }
    }
}
