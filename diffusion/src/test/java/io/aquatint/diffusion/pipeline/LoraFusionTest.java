package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import java.util.HashMap;
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
    void anAdapterInTheWeightsPredictsWhatItDoesBesideTheLayers() {
        // weak: at full strength these random adapters make of one unit in the last place as much as of themselves
        LoraWeights weak = scaled(lora("b-kohya"), 0.01f);
        LoraConfig config = new LoraConfig(4, 8, LoraConfig.ATTENTION);
        LoraLayout layout = LoraLayout.of(model.source().weights("unet"), config);
        float[] flat = new float[layout.size()];
        weak.modules()
                .forEach((module, pair) ->
                        layout.put(flat, Objects.requireNonNull(layout.sites().get(module)), pair.down(), pair.up()));
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/unet.safetensors"));
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel fused = model.adapted(List.of(new WeightedLora(weak, 1)));
                CompiledGraph beside = CompiledGraph.compile(scope, besideTheLayers(layout))) {
            NDArray sample = Weights.toDevice(scope, file.read("sample"));
            NDArray timestep = Weights.toDevice(scope, file.read("timestep"));
            NDArray context = Weights.toDevice(scope, file.read("context"));
            float[] expected = beside.run(scope, model.unetWeights(), sample, timestep, context, scope.create(flat))
                    .get(0)
                    .toFloatArray();
            PromptEmbedding prompts = new PromptEmbedding(context, null);
            NDArray timeIds = TimeIds.array(scope, List.of(TimeIds.of(64, 64)));
            assertThat(Golden.relativeError(fused.predict(scope, sample, timestep, prompts, timeIds), expected))
                    .isLessThan(1e-5);
            assertThat(Golden.relativeError(
                            model.predict(scope, model.unetWeights(), sample, timestep, prompts, timeIds), expected))
                    .isGreaterThan(1e-3);
        }
    }

    private static Graph besideTheLayers(LoraLayout layout) {
        Graph graph = new Graph(layout.rule());
        graph.returns(new UNet2DConditionModel(model.unetConfig())
                .forward(graph, graph.input("sample"), graph.input("timestep"), graph.input("context"), null, null));
        return graph;
    }

    private static LoraWeights scaled(LoraWeights adapter, float factor) {
        Map<String, LoraPair> modules = new HashMap<>();
        adapter.modules().forEach((module, pair) -> {
            float[] up = pair.up().clone();
            for (int i = 0; i < up.length; i++) {
                up[i] *= factor;
            }
            modules.put(module, LoraPair.linear(pair.rank(), pair.in(), pair.out(), pair.down(), up, pair.alpha()));
        });
        return LoraWeights.of(Component.UNET, modules);
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
        try (Weights fused = LoraFusion.fuse(model.manager(), model.unetWeights(), model.source(), "unet", adapters)) {
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
