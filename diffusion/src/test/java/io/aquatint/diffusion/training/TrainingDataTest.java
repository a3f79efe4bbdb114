package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingConfig.Augmentation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TrainingDataTest {
    private static final int BATCHES = 60;

    private static StableDiffusion model;

    /** What of a batch of one picture is looked at. */
    private record Batch(float[] noisy, float[] target, float[] context) {}

    @BeforeAll
    static void load() {
        model = StableDiffusion.load(Golden.path("sd15/model"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void captionsAreLeftEmptyAsOftenAsAsked() {
        float[] empty = batches(new Augmentation(0, 1, false)).get(0).context();
        float[] whole = batches(Augmentation.NONE).get(0).context();
        assertThat(whole).isNotEqualTo(empty);

        List<Batch> some = batches(new Augmentation(0, 0.3, false));
        assertThat(some)
                .allMatch(batch -> Arrays.equals(batch.context(), empty) || Arrays.equals(batch.context(), whole));
        assertThat(some.stream().filter(batch -> Arrays.equals(batch.context(), empty)))
                .hasSizeBetween(9, 27); // 18 are to be expected
    }

    @Test
    void halfOfThePicturesAreSeenMirroredAndNothingElseOfThemChanges() {
        List<Batch> plain = batches(Augmentation.NONE);
        List<Batch> flipped = batches(new Augmentation(0, 0, true));
        int mirrored = 0;
        for (int i = 0; i < BATCHES; i++) {
            assertThat(flipped.get(i).target())
                    .as("the noise")
                    .isEqualTo(plain.get(i).target());
            mirrored += Arrays.equals(flipped.get(i).noisy(), plain.get(i).noisy()) ? 0 : 1;
        }
        assertThat(mirrored).isBetween(18, 42); // of 60
    }

    @Test
    void anOffsetShiftsAllPixelsOfAChannelAlike() {
        List<Batch> plain = batches(Augmentation.NONE);
        List<Batch> shifted = batches(new Augmentation(0.5, 0, false));
        float[] first = shifted.get(0).target();
        int pixels = first.length / 4;
        double[] means = new double[4];
        for (Batch batch : shifted) {
            for (int i = 0; i < first.length; i++) {
                means[i / pixels] = Math.max(means[i / pixels], Math.abs(mean(batch.target(), i / pixels, pixels)));
            }
        }
        double usual = plain.stream()
                .mapToDouble(batch -> Math.abs(mean(batch.target(), 0, pixels)))
                .max()
                .orElseThrow();
        assertThat(Arrays.stream(means).min().orElseThrow()).isGreaterThan(1.5 * usual);
    }

    private static double mean(float[] values, int channel, int pixels) {
        double sum = 0;
        for (int i = channel * pixels; i < (channel + 1) * pixels; i++) {
            sum += values[i];
        }
        return sum / pixels;
    }

    private static List<Batch> batches(Augmentation augmentation) {
        TrainingMethod method = new TrainingMethod.Lora(new LoraConfig(2, 2, LoraConfig.ATTENTION), false);
        TrainingConfig config = TrainingConfig.of(BATCHES, 1e-4, 3).withAugmentation(augmentation);
        byte[] rgb = new byte[3 * 64 * 64];
        new Random(1).nextBytes(rgb);
        TrainingSet set =
                TrainingSet.of(List.of(new TrainingExample("id", new Picture(64, 64, rgb), "a photo of sks dog")));
        List<Batch> batches = new ArrayList<>();
        try (Trainable trainable = Trainable.of(model, method, 3);
                NDManager scope = model.manager().newSubManager()) {
            TrainingData data = new TrainingData(model, trainable, config, set);
            for (int i = 0; i < BATCHES; i++) {
                var inputs = data.batch(scope, i);
                batches.add(new Batch(inputs[0].toFloatArray(), inputs[1].toFloatArray(), inputs[4].toFloatArray()));
            }
        }
        return batches;
    }
}
