package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.scheduler.PredictionType;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.ValidationLoss;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArchitecturesTest {
    @TempDir
    Path folder = Path.of("");

    @Test
    void sdxlEncodesPromptsWithBothTextEncodersAsDiffusersDoes() throws IOException {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sdxl/cases/text2img.safetensors"));
        try (StableDiffusion model = StableDiffusion.load(TinyModels.stableDiffusionXl(folder));
                NDManager scope = model.manager().newSubManager()) {
            assertThat(model.architecture()).isEqualTo(Architecture.STABLE_DIFFUSION_XL);
            PromptEmbedding prompt = model.encodeText(scope, List.of("a photo of sks dog"));
            PromptEmbedding negative = model.encodeText(scope, List.of("blurry"));
            assertClose(prompt, file, "prompt_embeds", "pooled");
            assertClose(negative, file, "negative_prompt_embeds", "negative_pooled");
        }
    }

    private static void assertClose(PromptEmbedding prompt, SafetensorsFile file, String context, String pooled) {
        assertThat(Golden.relativeError(prompt.context(), file.read(context).toFloats()))
                .isLessThan(1e-4);
        assertThat(Golden.relativeError(
                        Objects.requireNonNull(prompt.pooled()),
                        file.read(pooled).toFloats()))
                .isLessThan(1e-4);
    }

    @Test
    void aWordOfSdxlIsNewToBothTextEncoders() throws IOException {
        try (StableDiffusion model = StableDiffusion.load(TinyModels.stableDiffusionXl(folder));
                NDManager scope = model.manager().newSubManager()) {
            TextualInversion word = new TextualInversion("<x>", row(model, 0, 320), row(model, 1, 320));
            try (AdaptedModel adapted = model.adapted(new Adaptation(List.of(), List.of(word), Map.of()))) {
                PromptEmbedding known = model.encodeText(scope, List.of("a dog"));
                PromptEmbedding encoded = adapted.encodeText(scope, List.of("<x> dog"));
                assertThat(encoded.context().toFloatArray())
                        .isEqualTo(known.context().toFloatArray());
                assertThat(Objects.requireNonNull(encoded.pooled()).toFloatArray())
                        .isEqualTo(Objects.requireNonNull(known.pooled()).toFloatArray());
            }
        }
    }

    private static List<float[]> row(StableDiffusion model, int encoder, int token) {
        TextEncoder text = model.textEncoders().get(encoder);
        int size = text.config().hiddenSize();
        float[] table = text.weights()
                .get("text_model.embeddings.token_embedding.weight")
                .toFloatArray();
        return List.of(Arrays.copyOfRange(table, token * size, (token + 1) * size));
    }

    @Test
    void theValidationLossOfSdxlIsFiniteAndTheSameEachTime() throws IOException {
        try (StableDiffusion model = StableDiffusion.load(TinyModels.stableDiffusionXl(folder))) {
            List<TrainingExample> examples = List.of(
                    new TrainingExample("ab".repeat(32), Picture.ofPlanes(new float[3 * 64 * 64], 64, 64), "a dog"));
            Map<Integer, Double> losses = ValidationLoss.evaluate(model, null, examples);
            assertThat(losses).hasSize(8);
            assertThat(losses.values()).allMatch(Double::isFinite);
            assertThat(ValidationLoss.evaluate(model, null, examples)).isEqualTo(losses);
        }
    }

    @Test
    void stableDiffusion2HasLinearProjectionsAndPredictsVelocity() throws IOException {
        try (StableDiffusion model = StableDiffusion.load(TinyModels.stableDiffusion2(folder));
                NDManager scope = model.manager().newSubManager()) {
            assertThat(model.architecture()).isEqualTo(Architecture.STABLE_DIFFUSION_2);
            assertThat(model.noiseSchedule().predictionType()).isEqualTo(PredictionType.V_PREDICTION);
            assertThat(model.unetConfig().heads()).containsExactly(2, 4, 8);
            assertThat(model.unetWeights()
                            .get("down_blocks.0.attentions.0.proj_in.weight")
                            .getShape()
                            .dimension())
                    .isEqualTo(2);
            assertThat(model.encodeText(scope, List.of("a", "b")).context().getShape())
                    .isEqualTo(new Shape(2, 77, 48));
        }
    }

    @Test
    void textEncodersThatMakeWhatTheUnetDoesNotTakeAreRefused() throws IOException {
        Path model = TinyModels.stableDiffusion2(folder);
        TinyModels.edit(model.resolve("unet/config.json"), config -> config.put("cross_attention_dim", 32));
        assertThatThrownBy(() -> StableDiffusion.load(model))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("hidden_size of the text encoders is 48 in all")
                .hasMessageContaining("cross_attention_dim 32");
    }
}
