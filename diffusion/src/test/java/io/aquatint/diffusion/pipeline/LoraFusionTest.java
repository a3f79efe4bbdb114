package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.graph.Weights;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class LoraFusionTest {
    private static final String MODULE = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k";
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
    void aWeightBecomesItselfPlusTheScaledProductOfUpAndDown() {
        LoraWeights a = lora("a/pytorch_lora_weights");
        LoraWeights b = lora("b-kohya");
        float[] expected = weight(List.of());
        add(expected, pair(a), 0.7);
        add(expected, pair(b), 0.5 * 2); // alpha 8 at rank 4
        float[] fused = weight(List.of(new WeightedLora(a, 0.7), new WeightedLora(b, 0.5)));
        assertThat(Golden.relativeError(fused, expected)).isLessThan(1e-6);
    }

    @Test
    void theModelItselfStaysAsItIs() {
        float[] before = model.unetWeights().get(MODULE + ".weight").toFloatArray();
        assertThat(weight(List.of(new WeightedLora(lora("a/pytorch_lora_weights"), 1))))
                .isNotEqualTo(before);
        assertThat(model.unetWeights().get(MODULE + ".weight").toFloatArray()).isEqualTo(before);
    }

    @Test
    void anAdapterOfAnotherModelIsRefused() {
        LoraPair wide = LoraPair.linear(1, 7, 5, new float[7], new float[5], 1);
        LoraWeights other = LoraWeights.of(Component.UNET, Map.of(MODULE, wide));
        assertThatThrownBy(() -> model.adapted(List.of(new WeightedLora(other, 1))))
                .isInstanceOf(LoraMismatchException.class)
                .hasMessageContaining(MODULE);
    }

    private static float[] weight(List<WeightedLora> adapters) {
        try (Weights fused =
                LoraFusion.fuse(model.manager(), model.unetWeights(), model.folder(), Component.UNET, adapters)) {
            return fused.get(MODULE + ".weight").toFloatArray();
        }
    }

    private static void add(float[] weight, LoraPair pair, double strength) {
        for (int row = 0; row < pair.out(); row++) {
            for (int column = 0; column < pair.in(); column++) {
                double sum = 0;
                for (int k = 0; k < pair.rank(); k++) {
                    sum += pair.up()[row * pair.rank() + k] * pair.down()[k * pair.in() + column];
                }
                weight[row * pair.in() + column] += (float) (strength * sum);
            }
        }
    }

    private static LoraPair pair(LoraWeights adapter) {
        return Objects.requireNonNull(adapter.modules().get(MODULE));
    }

    private static LoraWeights lora(String name) {
        return LoraFormats.read(Golden.path("sd15/lora/" + name + ".safetensors"));
    }
}
