package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ValidationLossTest {
    private static StableDiffusion model;

    @BeforeAll
    static void load() {
        model = StableDiffusion.load(Golden.path("sd15/model"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void itIsTheSameEachTimeAndOneNumberForEachTimestep() {
        List<TrainingExample> examples = List.of(example(1), example(2));
        Map<Integer, Double> losses = ValidationLoss.evaluate(model, null, examples);
        assertThat(losses.keySet()).containsExactly(62, 187, 312, 437, 562, 687, 812, 937);
        assertThat(losses.values()).allSatisfy(loss -> assertThat(loss).isBetween(0.1, 10.0));
        assertThat(ValidationLoss.evaluate(model, null, examples)).isEqualTo(losses);
        assertThat(ValidationLoss.relative(losses, losses)).isEqualTo(1);
    }

    @Test
    void itIsTheMeanOverThePictures() {
        Map<Integer, Double> first = ValidationLoss.evaluate(model, null, List.of(example(1)));
        Map<Integer, Double> second = ValidationLoss.evaluate(model, null, List.of(example(2)));
        Map<Integer, Double> both = ValidationLoss.evaluate(model, null, List.of(example(1), example(2)));
        both.forEach((timestep, loss) -> assertThat(loss)
                .isCloseTo((first.getOrDefault(timestep, 0.0) + second.getOrDefault(timestep, 0.0)) / 2, within(1e-9)));
    }

    @Test
    void anAdapterChangesIt() {
        List<TrainingExample> examples = List.of(example(1));
        var adapter = LoraFormats.read(Golden.path("sd15/lora/a/pytorch_lora_weights.safetensors"));
        int before = model.manager().getManagedArrays().size();
        Map<Integer, Double> base = ValidationLoss.evaluate(model, null, examples);
        Map<Integer, Double> adapted = ValidationLoss.evaluate(model, adapter, examples);
        assertThat(adapted).isNotEqualTo(base);
        assertThat(ValidationLoss.relative(adapted, base)).isNotEqualTo(1);
        model.keepOnly(Set.of("unet", "vae", "text_encoder")); // lets go of what is kept for the next adapter
        assertThat(model.manager().getManagedArrays()).hasSize(before);
    }

    private static TrainingExample example(int seed) {
        byte[] rgb = new byte[3 * 64 * 64];
        new Random(seed).nextBytes(rgb);
        return new TrainingExample("%016x".formatted(seed).repeat(4), new Picture(64, 64, rgb), "a photo of sks dog");
    }
}
