package io.aquatint.pretraining;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PretrainingTest {
    private static final Pretraining.Settings FEW =
            new Pretraining.Settings(6, 2, 2, 1e-3, 6, 2, 2, 1e-3, 0.1, Precision.FP32, 1);

    @TempDir
    Path folder;

    /** Half transparent noise in place of the real drawings, which would have to be fetched. */
    @BeforeEach
    void drawings() {
        byte[] rgba = new byte[4 * 64 * 64];
        SplitMix.random(1, 1).nextBytes(rgba);
        Map<String, TensorData> drawings = new LinkedHashMap<>();
        for (Subject subject : Subject.all()) {
            drawings.put(subject.key(), new TensorData(TensorInfo.of(DType.U8, 64, 64, 4), ByteBuffer.wrap(rgba)));
        }
        SafetensorsWriter.write(folder.resolve("artwork.safetensors"), drawings, Map.of());
    }

    @Test
    void whatIsCutShortGoesOnWhereItWas() throws Exception {
        List<String> told = new ArrayList<>();
        assertThat(new Pretraining(folder, FEW, Duration.ZERO, told::add).run()).isFalse();
        assertThat(told).noneMatch(line -> line.contains("step 2 of 2"));

        assertThat(new Pretraining(folder, FEW, Duration.ofHours(1), told::add).run())
                .isTrue();
        assertThat(told)
                .anyMatch(line -> line.startsWith("autoencoder: step 2 of 2"))
                .anyMatch(line -> line.startsWith("denoiser: step 2 of 2"));
        assertThat(SafetensorsFile.open(folder.resolve("state/denoiser.safetensors"))
                        .metadata())
                .containsEntry("step", "2");

        told.clear();
        assertThat(new Pretraining(folder, FEW, Duration.ofHours(1), told::add).run())
                .isTrue();
        assertThat(told).noneMatch(line -> line.contains("step"));
    }

    @Test
    void theModelIsInDiffusersLayoutAndUnder16Megabytes() throws Exception {
        new Pretraining(folder, FEW, Duration.ofHours(1), line -> {}).run();
        Path model = folder.resolve("model");
        try (Stream<Path> files = Files.walk(model);
                StableDiffusion loaded = StableDiffusion.load(model)) {
            assertThat(files.filter(Files::isRegularFile)
                            .mapToLong(file -> file.toFile().length())
                            .sum())
                    .isLessThan(16_000_000);
            assertThat(loaded.vaeConfig().factor()).isEqualTo(4);
            assertThat(loaded.vaeConfig().scalingFactor()).isNotEqualTo(1);
        }
        float[] trained = SafetensorsFile.open(model.resolve("unet/diffusion_pytorch_model.safetensors"))
                .read("conv_in.weight")
                .toFloats();
        BaseModel other = BaseModel.create(folder.resolve("untrained"), 1);
        float[] initial = SafetensorsFile.open(other.folder().resolve("unet/diffusion_pytorch_model.safetensors"))
                .read("conv_in.weight")
                .toFloats();
        assertThat(trained).isNotEqualTo(initial);
    }
}
