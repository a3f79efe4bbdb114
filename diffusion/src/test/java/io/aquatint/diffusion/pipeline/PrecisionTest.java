package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.graph.Precision;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PrecisionTest {
    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @EnumSource(names = {"FP16", "BF16"})
    void halfPrecisionPredictsNearlyWhatFloat32Does(Precision precision) {
        Path path = Golden.path("sd15/model");
        assertNear(path, adaptation(32, null), precision);
    }

    @ParameterizedTest
    @EnumSource(names = {"FP16", "BF16"})
    void halfPrecisionPredictsNearlyWhatFloat32DoesInSdxl(Precision precision) throws IOException {
        Path path = TinyModels.stableDiffusionXl(folder);
        assertNear(path, adaptation(32, 32), precision);
    }

    private void assertNear(Path path, Adaptation adaptation, Precision precision) {
        float[] expected = predicted(path, Precision.FP32, adaptation);
        float[] half = predicted(path, precision, adaptation);
        assertThat(Golden.relativeError(half, expected)).isBetween(1e-6, precision == Precision.FP16 ? 0.01 : 0.08);
    }

    private static float[] predicted(Path path, Precision precision, Adaptation adaptation) {
        try (StableDiffusion model = StableDiffusion.load(ModelSource.open(path), precision);
                AdaptedModel adapted = model.adapted(adaptation);
                NDManager scope = model.manager().newSubManager()) {
            assertThat(model.precision()).isEqualTo(precision);
            PromptEmbedding prompts = adapted.encodeText(scope, List.of("a photo of <x>", "a dog"));
            assertThat(prompts.context().getDataType()).isEqualTo(DataType.FLOAT32);
            Shape shape = new Shape(2, 4, 16, 16);
            return adapted.predict(
                            scope,
                            scope.create(new Noise(1).next((int) shape.size()), shape),
                            scope.create(new float[] {601, 20}),
                            prompts,
                            TimeIds.array(scope, List.of(TimeIds.of(64, 64), TimeIds.of(64, 64))))
                    .toFloatArray();
        }
    }

    private static Adaptation adaptation(int first, Integer second) {
        TextualInversion word = new TextualInversion("<x>", rows(first), second == null ? null : rows(second));
        return new Adaptation(List.of(), List.of(word), Map.of());
    }

    private static List<float[]> rows(int size) {
        float[] row = new float[size];
        Arrays.fill(row, 0.02f);
        return List.of(row, row);
    }

    @Test
    void adaptersAreAddedInFloat32AndTheSumIsRoundedOnce() {
        float[] expected = adapted(Precision.FP32);
        float[] half = adapted(Precision.FP16);
        for (int i = 0; i < half.length; i++) {
            assertThat(half[i]).isCloseTo(expected[i], within(Math.abs(expected[i]) * 0x1p-11f + 0x1p-25f));
        }
    }

    /** A weight with the same adapter many times, each time as little as one rounding. */
    private static float[] adapted(Precision precision) {
        WeightedLora little = new WeightedLora(LoraFormats.read(Golden.path("sd15/lora/b-kohya.safetensors")), 1e-3);
        try (StableDiffusion model = StableDiffusion.load(ModelSource.open(Golden.path("sd15/model")), precision);
                AdaptedModel adapted = model.adapted(Collections.nCopies(20, little))) {
            String weight = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight";
            return adapted.unetWeights()
                    .get(weight)
                    .toType(DataType.FLOAT32, false)
                    .toFloatArray();
        }
    }

    @Test
    void whoWaitsForAModelIsToldHowMuchOfItHasBeenRead() {
        List<Long> read = new ArrayList<>();
        List<Long> totals = new ArrayList<>();
        StableDiffusion.load(ModelSource.open(Golden.path("sd15/model")), Precision.FP32, (bytes, total) -> {
                    read.add(bytes);
                    totals.add(total);
                })
                .close();
        assertThat(read).isSorted().hasSizeGreaterThan(500);
        assertThat(totals).containsOnly(totals.get(0));
        assertThat(read.get(read.size() - 1)).isEqualTo(totals.get(0));
    }
}
