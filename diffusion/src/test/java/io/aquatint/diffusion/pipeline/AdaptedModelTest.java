package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdaptedModelTest {
    private static final String MODULE = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k";
    private static StableDiffusion model;

    @TempDir
    private static Path folder = Path.of("");

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
    void aLaterAdapterOfTheSameLayersTakesThePlaceOfAnEarlierOne() {
        WeightedLora one = new WeightedLora(lora("a/pytorch_lora_weights"), 0.7);
        WeightedLora two = new WeightedLora(lora("b-kohya"), 0.5);
        model.keepOnly(Set.of());
        float[] fresh = weight(List.of(two));
        model.keepOnly(Set.of());
        Weights before;
        try (AdaptedModel adapted = model.adapted(List.of(one))) {
            before = adapted.unetWeights();
        }
        try (AdaptedModel adapted = model.adapted(List.of(two))) {
            assertThat(adapted.unetWeights()).isSameAs(before);
            assertThat(adapted.unetWeights().get(MODULE + ".weight").toFloatArray())
                    .isEqualTo(fresh);
        }
        try (AdaptedModel adapted = model.adapted(List.of())) {
            assertThat(adapted.unetWeights()).isNotSameAs(before);
        }
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
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/unet.safetensors"));
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel fused = model.adapted(List.of(new WeightedLora(weak, 1)));
                CompiledGraph beside = CompiledGraph.compile(scope, besideTheLayers(layout))) {
            FlatTensors flat = FlatTensors.zeros(scope, layout.parameters());
            for (LoraLayout.Site site : layout.sites()) {
                LoraPair pair = Objects.requireNonNull(weak.modules().get(site.module()));
                flat.set(site.down(), TensorData.of(pair.down(), pair.downShape()));
                flat.set(site.up(), TensorData.of(pair.up(), pair.upShape()));
            }
            Weights weights = Weights.joined(scope, Map.of("unet", model.unetWeights()));
            NDArray sample = Weights.toDevice(scope, file.read("sample"));
            NDArray timestep = Weights.toDevice(scope, file.read("timestep"));
            NDArray context = Weights.toDevice(scope, file.read("context"));
            float[] expected = beside.runWithGradients(scope, weights, flat.array(), sample, timestep, context)
                    .get(0)
                    .toFloatArray();
            PromptEmbedding prompts = new PromptEmbedding(context, null);
            NDArray timeIds = TimeIds.array(scope, List.of(TimeIds.of(64, 64)));
            assertThat(Golden.relativeError(fused.predict(scope, sample, timestep, prompts, timeIds), expected))
                    .isLessThan(1e-5);
            NDArray[] inputs = model.unetInputs(sample, timestep, prompts, timeIds);
            assertThat(Golden.relativeError(
                            model.predict(scope, model.unetWeights(), inputs).get(0), expected))
                    .isGreaterThan(1e-3);
        }
    }

    private static Graph besideTheLayers(LoraLayout layout) {
        Graph plain = new Graph();
        Parameters parameters = new Parameters(plain, layout.parameters(), Precision.FP32);
        Graph graph = plain.with(layout.rule(parameters));
        graph.returns(new UNet2DConditionModel(model.unetConfig())
                .forward(
                        graph.scope("unet"),
                        graph.input("sample"),
                        graph.input("timestep"),
                        graph.input("context"),
                        null,
                        null));
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

    @Test
    void anAdapterForSdxlIsRefusedByItsSecondTextEncoder() {
        LoraPair pair = LoraPair.linear(1, 32, 32, new float[32], new float[32], 1);
        LoraWeights other =
                LoraWeights.of(Component.TEXT_ENCODER_2, Map.of("text_model.encoder.layers.0.self_attn.q_proj", pair));
        assertThatThrownBy(() -> model.adapted(List.of(new WeightedLora(other, 1))))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("has no text_encoder_2 that could be adapted");
    }

    @Test
    void anAdapterOfTheTextEncoderChangesWhatPromptsMean() {
        String module = "text_model.encoder.layers.1.self_attn.v_proj";
        float[] all = new float[32];
        Arrays.fill(all, 0.1f);
        LoraWeights text =
                LoraWeights.of(Component.TEXT_ENCODER, Map.of(module, LoraPair.linear(1, 32, 32, all, all.clone(), 1)));
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(List.of(new WeightedLora(text, 2)))) {
            float[] base = model.encodeText(scope, List.of("a dog")).context().toFloatArray();
            float[] other =
                    adapted.encodeText(scope, List.of("a dog")).context().toFloatArray();
            assertThat(Golden.relativeError(other, base)).isGreaterThan(1e-3);
        }
    }

    @Test
    void aNewWordIsItsVectorsWhereverItStands() {
        // vectors that the table has: the word must be what these tokens are
        TextEncoder encoder = model.textEncoders().get(0);
        float[] table = encoder.weights()
                .get("text_model.embeddings.token_embedding.weight")
                .toFloatArray();
        long[] ids = encoder.tokenizer().tokenize("a photo");
        List<float[]> rows = Arrays.stream(ids, 1, ids.length - 1)
                .mapToObj(id -> Arrays.copyOfRange(table, (int) id * 32, ((int) id + 1) * 32))
                .toList();
        TextualInversion word = new TextualInversion("<My-Dog>", rows, null);
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(new Adaptation(List.of(), List.of(word), Map.of()))) {
            float[] known = model.encodeText(scope, List.of("a photo, a photo"))
                    .context()
                    .toFloatArray();
            for (String prompt : List.of("<My-Dog>, <My-Dog>", "<my-dog>,<my-dog>")) {
                PromptEmbedding encoded = adapted.encodeText(scope, List.of(prompt));
                assertThat(Golden.relativeError(encoded.context(), known))
                        .as(prompt)
                        .isZero();
            }
            assertThat(Golden.relativeError(
                            adapted.encodeText(scope, List.of("a photo, a dog")).context(), known))
                    .isGreaterThan(0.01);
        }
    }

    @Test
    void aWordThatDoesNotFitIsRefusedWithItsShape() {
        assertWordRefused("<x>", 31, "the word <x> is [1, 31], but the text_encoder", "needs [1, 32]");
        assertWordRefused("a", 32, "has the word a already");
        TextualInversion two = new TextualInversion("<x>", List.of(new float[32]), List.of(new float[32]));
        assertThatThrownBy(() -> model.adapted(new Adaptation(List.of(), List.of(two), Map.of())))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("the word <x> is made for 2 text encoder(s), but");
    }

    private static void assertWordRefused(String token, int size, String... reasons) {
        TextualInversion word = new TextualInversion(token, List.of(new float[size]), null);
        assertThatThrownBy(() -> model.adapted(new Adaptation(List.of(), List.of(word), Map.of())))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContainingAll(reasons);
    }

    @Test
    void aWholeNetworkTakesThePlaceOfTheBasesAndIsAdaptedToo() {
        TensorSource doubled = changed(model.source().weights("unet"), MODULE + ".weight", 2);
        LoraWeights a = lora("a/pytorch_lora_weights");
        float[] expected = weight(List.of());
        for (int i = 0; i < expected.length; i++) {
            expected[i] *= 2;
        }
        add(expected, pair(a), 0.7);
        Adaptation adaptation = new Adaptation(List.of(new WeightedLora(a, 0.7)), List.of(), Map.of("unet", doubled));
        try (AdaptedModel adapted = model.adapted(adaptation)) {
            float[] weight = adapted.unetWeights().get(MODULE + ".weight").toFloatArray();
            assertThat(Golden.relativeError(weight, expected)).isLessThan(1e-6);
        }
        assertThatThrownBy(() -> model.adapted(new Adaptation(List.of(), List.of(), Map.of("text_encoder_2", doubled))))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("has no text_encoder_2");
        assertThatThrownBy(() -> model.adapted(new Adaptation(List.of(), List.of(), Map.of("text_encoder", doubled))))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("it lacks text_model.");
    }

    private static TensorSource changed(TensorSource source, String changed, float factor) {
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (String name : source.names()) {
            TensorData tensor = source.read(name);
            float[] values = tensor.toFloats();
            for (int i = 0; i < values.length && name.equals(changed); i++) {
                values[i] *= factor;
            }
            tensors.put(name, TensorData.of(values, tensor.info().dimensions()));
        }
        Path file = folder.resolve("changed.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());
        return SafetensorsFile.open(file);
    }

    @Test
    void nothingStaysInNativeMemoryWhenSomethingDoesNotFit() {
        TextualInversion word = new TextualInversion("<x>", List.of(new float[31]), null);
        List<WeightedLora> loras = List.of(new WeightedLora(lora("b-kohya"), 1));
        int before = model.manager().getManagedArrays().size();
        assertThatThrownBy(() -> model.adapted(new Adaptation(loras, List.of(word), Map.of())))
                .isInstanceOf(CheckpointException.class);
        assertThat(model.manager().getManagedArrays()).hasSize(before);
    }

    private static float[] weight(List<WeightedLora> adapters) {
        try (AdaptedModel adapted = model.adapted(adapters)) {
            return adapted.unetWeights().get(MODULE + ".weight").toFloatArray();
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
