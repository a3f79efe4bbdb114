package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelConfig;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StableDiffusionTest {
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
    void theTextEncoderIsAsTransformersSays() {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/text-encoder.safetensors"));
        ModelConfig config = ModelConfig.read(Golden.path("sd15/model/text_encoder/config.json"));
        Graph graph = new Graph();
        ClipTextModel.Output output =
                new ClipTextModel(ClipTextConfig.from(config)).forward(graph, graph.input("input_ids"));
        graph.returns(output.lastHiddenState(), output.penultimateHiddenState(), output.pooled());
        try (NDManager scope = model.manager().newSubManager();
                CompiledGraph compiled = CompiledGraph.compile(scope, graph)) {
            Weights weights =
                    Weights.load(scope, model.source().weights("text_encoder"), compiled.weightNames(), Set.of());
            var outputs = compiled.run(scope, weights, Weights.toDevice(scope, file.read("input_ids")));
            assertClose("text-encoder last", outputs.get(0), file, "last_hidden_state", 1e-4);
            assertClose("text-encoder penultimate", outputs.get(1), file, "penultimate_hidden_state", 1e-4);
            assertClose("text-encoder pooled", outputs.get(2), file, "pooled", 1e-4);
        }
    }

    @Test
    void theAutoencoderIsAsDiffusersSays() {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/vae.safetensors"));
        try (NDManager scope = model.manager().newSubManager()) {
            var moments = model.encodeImages(scope, Weights.toDevice(scope, file.read("image")));
            assertClose("vae mean", moments.mean(), file, "mean", 1e-4);
            assertClose("vae logvar", moments.logvar(), file, "logvar", 1e-4);
            NDArray decoded = model.decodeLatents(scope, Weights.toDevice(scope, file.read("latent")));
            assertClose("vae decoded", decoded, file, "decoded", 1e-4);
        }
    }

    @Test
    void weightsThatWereLetGoComeBackWhenTheyAreNeeded() {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/vae.safetensors"));
        Weights before = model.unetWeights();
        Weights textBefore = model.textEncoders().get(0).weights();

        model.keepOnly(Set.of("unet"));

        assertThat(model.unetWeights()).isSameAs(before);
        assertThat(model.textEncoders().get(0).weights()).isNotSameAs(textBefore);
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray decoded = model.decodeLatents(scope, Weights.toDevice(scope, file.read("latent")));
            assertClose("vae decoded", decoded, file, "decoded", 1e-4);
        }
    }

    @Test
    void nothingIsLetGoThatAnotherStillUses() {
        Weights before = model.unetWeights();
        try (AdaptedModel adapted = model.adapted(List.of())) {
            model.keepOnly(Set.of());
            assertThat(model.unetWeights()).isSameAs(before);
            assertThat(adapted.unetWeights().get("conv_in.weight").toFloatArray())
                    .isEqualTo(before.get("conv_in.weight").toFloatArray());
        }
        model.keepOnly(Set.of());
        assertThat(model.unetWeights()).isNotSameAs(before);
    }

    @Test
    void theUnetIsAsDiffusersSays() {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/unet.safetensors"));
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray[] inputs = model.unetInputs(
                    Weights.toDevice(scope, file.read("sample")),
                    Weights.toDevice(scope, file.read("timestep")),
                    new PromptEmbedding(Weights.toDevice(scope, file.read("context")), null),
                    TimeIds.array(scope, List.of(TimeIds.of(64, 64))));
            NDArray output = model.predict(scope, model.unetWeights(), inputs).get(0);
            assertClose("unet", output, file, "output", 1e-4);
        }
    }

    @Test
    void aFolderThatIsNoModelIsRefused(@TempDir Path empty) {
        assertThatThrownBy(() -> StableDiffusion.load(empty))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("model_index.json");
    }

    private static void assertClose(String what, NDArray actual, SafetensorsFile file, String name, double tolerance) {
        double error = Golden.relativeError(actual, file.read(name).toFloats());
        assertThat(error).as("relative error of " + what).isLessThan(tolerance);
    }
}
