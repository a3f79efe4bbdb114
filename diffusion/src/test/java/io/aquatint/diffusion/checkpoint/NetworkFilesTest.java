package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.pipeline.BaseModels;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NetworkFilesTest {
    @TempDir
    Path folder;

    private ModelSource base;

    @BeforeEach
    void openBase() {
        base = ModelSource.open(new BaseModels(folder).path(BaseModels.DEMO));
    }

    @Test
    void severalNetworksAreOneFileAndFitTheirBase() {
        Path file = folder.resolve("networks.safetensors");
        NetworkFiles.write(
                file,
                Map.of("unet", base.weights("unet"), "text_encoder", base.weights("text_encoder")),
                Map.of("aquatint.step", "7"));

        Map<String, TensorSource> networks = NetworkFiles.read(file);

        assertThat(networks).containsOnlyKeys("unet", "text_encoder");
        assertThat(networks.get("unet").read("conv_in.weight"))
                .isEqualTo(base.weights("unet").read("conv_in.weight"));
        assertThat(SafetensorsFile.open(file).metadata()).containsEntry("aquatint.step", "7");
        NetworkFiles.verify(base, networks);
    }

    @Test
    void allThatDoesNotFitIsNamed() {
        TensorSource unet = base.weights("unet");
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        unet.names().forEach(name -> tensors.put(name, unet.read(name)));
        tensors.remove("conv_in.bias");
        tensors.put("conv_in.weight", TensorData.of(new float[4], 2, 2));
        tensors.put("conv_out.bias", TensorData.of(new float[] {1, Float.NaN, 1, 1}, 4));
        tensors.put("more", TensorData.of(new float[1], 1));

        assertThatThrownBy(() ->
                        NetworkFiles.verify(base, Map.of("unet", new TensorsInMemory(tensors), "text_encoder_2", unet)))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("the base has no text_encoder_2")
                .hasMessageContaining("unet conv_in.bias is missing")
                .hasMessageContaining("unet conv_in.weight has the shape [2, 2], not [")
                .hasMessageContaining("unet conv_out.bias holds values that are no numbers")
                .hasMessageContaining("unet more is too much");
    }

    @Test
    void aFileOfSomethingElseIsRefused() {
        Path file = folder.resolve("word.safetensors");
        SafetensorsWriter.write(file, Map.of("<sks>", TensorData.of(new float[8], 1, 8)), Map.of());

        assertThatThrownBy(() -> NetworkFiles.read(file))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("<sks>")
                .hasMessageContaining("is of no network");
    }
}
