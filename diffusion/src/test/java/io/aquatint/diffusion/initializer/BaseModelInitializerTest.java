package io.aquatint.diffusion.initializer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.pipeline.PromptEmbedding;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TimeIds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseModelInitializerTest {
    private static Path folder;

    @BeforeAll
    static void create(@TempDir Path temporary) {
        folder = temporary;
        BaseModelInitializer.create(folder.resolve("a"), 7);
    }

    @Test
    void theSameSeedGivesTheSameBytes() throws IOException {
        BaseModelInitializer.create(folder.resolve("b"), 7);
        for (Path file : files(folder.resolve("a"))) {
            Path other = folder.resolve("b").resolve(folder.resolve("a").relativize(file));
            assertThat(Files.mismatch(file, other)).as(file.toString()).isEqualTo(-1);
        }
    }

    @Test
    void anotherSeedGivesOtherWeights() throws IOException {
        BaseModelInitializer.create(folder.resolve("c"), 8);
        String unet = "unet/diffusion_pytorch_model.safetensors";
        assertThat(Files.mismatch(
                        folder.resolve("a").resolve(unet), folder.resolve("c").resolve(unet)))
                .isNotEqualTo(-1);
    }

    @Test
    void theModelIsSmallerThan15Megabytes() throws IOException {
        long bytes = 0;
        for (Path file : files(folder.resolve("a"))) {
            bytes += Files.size(file);
        }
        assertThat(bytes).isBetween(5_000_000L, 15_000_000L);
    }

    @Test
    void itLoadsAndItsNumbersAreOfASensibleSize() {
        try (StableDiffusion model = StableDiffusion.load(folder.resolve("a"));
                NDManager scope = model.manager().newSubManager()) {
            NDArray noise = scope.randomNormal(new Shape(1, 4, 8, 8));
            PromptEmbedding prompt = model.encodeText(scope, List.of("a photo of sks dog, 東京"));
            NDArray predicted = model.adapted(List.of())
                    .predict(
                            scope,
                            noise,
                            scope.create(new float[] {500}),
                            prompt,
                            TimeIds.array(scope, List.of(TimeIds.of(64, 64))));
            assertThat(predicted.getShape()).isEqualTo(new Shape(1, 4, 8, 8));
            assertThat(deviation(predicted)).isBetween(0.01, 3.0);
            NDArray picture = scope.randomUniform(-1, 1, new Shape(1, 3, 64, 64));
            NDArray latent = model.encodeImages(scope, picture).mean().mul((float)
                    model.vaeConfig().scalingFactor());
            assertThat(deviation(latent)).isBetween(0.2, 5.0);
        }
    }

    private static double deviation(NDArray array) {
        return Math.sqrt(array.sub(array.mean()).square().mean().getFloat());
    }

    private static List<Path> files(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
