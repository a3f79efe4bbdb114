package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.scheduler.Sampler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TextToImageTest {
    private static StableDiffusion model;

    @BeforeAll
    static void load() {
        model = StableDiffusion.load(Golden.path("sd15/model"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @ParameterizedTest
    @EnumSource(names = {"DDIM", "DPMPP_2M", "DPMPP_2M_KARRAS", "EULER"})
    void everySamplersLatentIsAsDiffusersSays(Sampler.Kind sampler) {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/text2img.safetensors"));
        String name = "latent." + sampler.name().toLowerCase(Locale.ROOT);
        assertLatent(file, name, List.of(), sampler);
    }

    @Test
    void theImageIsAsDiffusersSays() {
        SafetensorsFile file = SafetensorsFile.open(Golden.path("sd15/cases/text2img.safetensors"));
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(List.of())) {
            NDArray noise = Weights.toDevice(scope, file.read("initial_latent"));
            NDArray latent = denoise(adapted, request(Sampler.Kind.DDIM, 0), noise);
            NDArray pixels = TextToImage.decode(scope, model, latent)
                    .div(2)
                    .add(0.5f)
                    .clip(0, 1)
                    .transpose(0, 2, 3, 1);
            double error = Golden.relativeError(pixels, file.read("image.ddim").toFloats());
            assertThat(error).isLessThan(1e-3);
        }
    }

    @Test
    void theSameSeedGivesTheSamePictureAndAnotherSeedAnother() {
        byte[] first = TextToImage.generate(model, List.of(), request(Sampler.Kind.DDIM, 1))
                .toPng();
        assertThat(TextToImage.generate(model, List.of(), request(Sampler.Kind.DDIM, 1))
                        .toPng())
                .isEqualTo(first);
        assertThat(TextToImage.generate(model, List.of(), request(Sampler.Kind.DDIM, 2))
                        .toPng())
                .isNotEqualTo(first);
    }

    @ParameterizedTest
    @EnumSource(names = {"DDIM", "EULER_ANCESTRAL", "DDPM"})
    void aPictureIsTheSameAloneAndInABatch(Sampler.Kind sampler) {
        List<GenerationRequest> batch = new ArrayList<>(request(sampler, 5).pictures(2));
        batch.add(new GenerationRequest("two dogs", null, 5, 8, 7.5, 64, 64, sampler));
        List<Integer> steps = new ArrayList<>();
        try (AdaptedModel adapted = model.adapted(List.of())) {
            List<Picture> together = TextToImage.generate(model, adapted, batch, steps::add);
            assertThat(together).hasSize(3);
            for (int i = 0; i < 3; i++) {
                Picture alone = TextToImage.generate(model, adapted, batch.get(i));
                assertThat(difference(together.get(i), alone)).isLessThan(0.5);
                assertThat(difference(together.get(i), together.get((i + 1) % 3)))
                        .isGreaterThan(5);
            }
        }
        assertThat(batch).extracting(GenerationRequest::seed).containsExactly(5L, 6L, 5L);
        assertThat(steps).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
    }

    /** The mean absolute difference of two pictures, of 255. */
    private static double difference(Picture a, Picture b) {
        double sum = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            sum += Math.abs((a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff));
        }
        return sum / a.rgb().length;
    }

    @Test
    void picturesOfOneBatchDifferInNoMoreThanPromptAndSeed() {
        List<GenerationRequest> batch = List.of(request(Sampler.Kind.DDIM, 1), request(Sampler.Kind.EULER, 1));
        try (AdaptedModel adapted = model.adapted(List.of())) {
            assertThatThrownBy(() -> TextToImage.generate(model, adapted, batch, step -> {}))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("pictures of one batch differ in more than prompt and seed");
        }
    }

    @Test
    void aWordOfSeveralVectorsStandsInPromptsForWhatItIs() {
        TextEncoder encoder = model.textEncoders().get(0);
        float[] table = encoder.weights()
                .get("text_model.embeddings.token_embedding.weight")
                .toFloatArray();
        long[] ids = encoder.tokenizer().tokenize("sks dog");
        int size = encoder.config().hiddenSize();
        List<float[]> vectors = Arrays.stream(ids, 1, ids.length - 1)
                .mapToObj(id -> Arrays.copyOfRange(table, (int) id * size, ((int) id + 1) * size))
                .toList();
        assertThat(vectors).hasSizeGreaterThan(1);
        TextualInversion word = new TextualInversion("<my-dog>", vectors, null);
        GenerationRequest request = request(Sampler.Kind.DDIM, 3);
        GenerationRequest withWord =
                new GenerationRequest("a photo of <my-dog>", "blurry", 3, 8, 7.5, 64, 64, Sampler.Kind.DDIM);
        try (AdaptedModel adapted = model.adapted(new Adaptation(List.of(), List.of(word), Map.of()))) {
            assertThat(TextToImage.generate(model, adapted, withWord).rgb())
                    .isEqualTo(TextToImage.generate(model, List.of(), request).rgb());
        }
    }

    @Test
    void sdxlWithoutANegativePromptIsGuidedByZeros(@TempDir Path folder) throws IOException {
        Path xl = TinyModels.stableDiffusionXl(folder);
        assertThat(normsOfNegatives(xl))
                .satisfiesExactly(absent -> assertThat(absent).isZero(), empty -> assertThat(empty)
                        .isPositive());
        TinyModels.edit(xl.resolve("model_index.json"), index -> index.put("force_zeros_for_empty_prompt", false));
        assertThat(normsOfNegatives(xl)).allMatch(norm -> norm > 0);
        assertThat(normsOfNegatives(Golden.path("sd15/model"))).allMatch(norm -> norm > 0);
    }

    /** Of the embeddings of an absent negative prompt and of an empty one. */
    private static List<Double> normsOfNegatives(Path path) {
        GenerationRequest absent = new GenerationRequest("a dog", null, 0, 2, 5, 64, 64, Sampler.Kind.EULER);
        GenerationRequest empty = new GenerationRequest("a dog", "", 0, 2, 5, 64, 64, Sampler.Kind.EULER);
        try (StableDiffusion other = StableDiffusion.load(path);
                AdaptedModel adapted = other.adapted(List.of());
                NDManager scope = other.manager().newSubManager()) {
            PromptEmbedding all = TextToImage.prompts(other, adapted, scope, List.of(absent, empty), true);
            float[] dog = adapted.encodeText(scope, List.of("a dog")).context().toFloatArray();
            assertThat(Golden.relativeError(all.context().get("2:3"), dog)).isLessThan(1e-5);
            List<Double> norms = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                double norm = all.context().get(i).norm().getFloat();
                norms.add(
                        all.pooled() == null
                                ? norm
                                : norm + all.pooled().get(i).norm().getFloat());
            }
            return norms;
        }
    }

    @Test
    void nativeMemoryIsFlat() {
        List<WeightedLora> adapters = List.of(lora("a/pytorch_lora_weights", 1));
        TextToImage.generate(model, adapters, request(Sampler.Kind.DDIM, 1));
        int before = model.manager().getManagedArrays().size();
        for (int seed = 0; seed < 5; seed++) {
            TextToImage.generate(model, adapters, request(Sampler.Kind.DPMPP_2M, seed));
            assertThat(model.manager().getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void aSizeThatCannotBeHalvedAtEveryLevelIsRefused() {
        GenerationRequest request = new GenerationRequest("a", "", 0, 2, 7.5, 72, 64, Sampler.Kind.DDIM);
        assertThatThrownBy(() -> TextToImage.generate(model, List.of(), request))
                .hasMessageContaining("multiples of 64");
    }

    private static void assertLatent(
            SafetensorsFile file, String name, List<WeightedLora> adapters, Sampler.Kind sampler) {
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(adapters)) {
            NDArray noise = Weights.toDevice(scope, file.read("initial_latent"));
            NDArray latent = denoise(adapted, request(sampler, 0), noise);
            double error = Golden.relativeError(latent, file.read(name).toFloats());
            assertThat(error).as(name).isLessThan(1e-3);
        }
    }

    private static NDArray denoise(AdaptedModel adapted, GenerationRequest request, NDArray noise) {
        return TextToImage.denoise(
                model,
                adapted,
                List.of(request),
                noise,
                (outputs, shape) -> {
                    throw new AssertionError("a deterministic sampler asked for noise");
                },
                step -> {});
    }

    private static WeightedLora lora(String name, double weight) {
        return new WeightedLora(LoraFormats.read(Golden.path("sd15/lora/" + name + ".safetensors")), weight);
    }

    private static GenerationRequest request(Sampler.Kind sampler, long seed) {
        return new GenerationRequest("a photo of sks dog", "blurry", seed, 8, 7.5, 64, 64, sampler);
    }
}
