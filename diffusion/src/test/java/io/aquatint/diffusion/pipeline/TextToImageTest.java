package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.scheduler.Sampler;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
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
    @EnumSource
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
            NDArray latent = TextToImage.denoise(model, adapted, request(Sampler.Kind.DDIM, 0), noise);
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
    void aSizeThatIsNoMultipleOfTheFactorIsRefused() {
        GenerationRequest request = new GenerationRequest("a", "", 0, 2, 7.5, 60, 64, Sampler.Kind.DDIM);
        assertThatThrownBy(() -> TextToImage.generate(model, List.of(), request))
                .hasMessageContaining("multiples of 8");
    }

    private static void assertLatent(
            SafetensorsFile file, String name, List<WeightedLora> adapters, Sampler.Kind sampler) {
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(adapters)) {
            NDArray noise = Weights.toDevice(scope, file.read("initial_latent"));
            NDArray latent = TextToImage.denoise(model, adapted, request(sampler, 0), noise);
            double error = Golden.relativeError(latent, file.read(name).toFloats());
            assertThat(error).as(name).isLessThan(1e-3);
        }
    }

    private static WeightedLora lora(String name, double weight) {
        return new WeightedLora(LoraFormats.read(Golden.path("sd15/lora/" + name + ".safetensors")), weight);
    }

    private static GenerationRequest request(Sampler.Kind sampler, long seed) {
        return new GenerationRequest("a photo of sks dog", "blurry", seed, 8, 7.5, 64, 64, sampler);
    }
}
