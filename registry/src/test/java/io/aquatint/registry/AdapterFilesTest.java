package io.aquatint.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.events.TrainingRequested;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterFilesTest {
    private static final String LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");

    private static TensorSource unet;

    @TempDir
    private Path folder = Path.of("");

    private final TrainingRequested request = Trainings.request();

    @BeforeAll
    static void createABaseModel(@TempDir Path base) {
        BaseModelInitializer.create(base, 1);
        unet = DiffusersFolder.open(base).weights("unet");
    }

    @Test
    void bothFilesHoldWhatWasTrained() {
        Map<String, LoraPair> trained = PlantedAdapter.pairs(unet, request);
        AdapterFiles.Written files = write(trained);

        assertThat(files.diffusers()).hasFileName("pytorch_lora_weights.safetensors");
        LoraPair diffusers = layer(LoraFormats.read(files.diffusers()).modules());
        assertThat(diffusers.scale()).isEqualTo(1.0);
        assertThat(diffusers.up()).containsExactly(layer(trained).folded().up());

        assertThat(files.kohya()).hasFileName("cats-v3-kohya.safetensors");
        LoraPair kohya = layer(LoraFormats.read(files.kohya()).modules());
        assertThat(kohya.alpha()).isEqualTo(2.0);
        assertThat(kohya.up()).containsExactly(layer(trained).up());
        assertThat(SafetensorsFile.open(files.kohya()).metadata())
                .containsEntry("ss_network_dim", "4")
                .containsEntry("ss_network_alpha", "2")
                .containsEntry("ss_steps", "200")
                .containsEntry("ss_output_name", "cats-v3")
                .containsEntry("modelspec.trigger_phrase", "sks");
    }

    @Test
    void aLayerThatDoesNotFitTheBaseIsNamed() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(unet, request);
        pairs.put(LAYER, LoraPair.linear(4, 3, 5, new float[12], new float[20], 2));
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(LoraMismatchException.class)
                .hasMessageContaining(LAYER);
    }

    @Test
    void aMissingLayerIsNamed() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(unet, request);
        pairs.remove(LAYER);
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("missing [" + LAYER + "]");
    }

    @Test
    void valuesThatAreNoNumbersAreRefused() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(unet, request);
        layer(pairs).up()[0] = Float.NaN;
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("no numbers in: [" + LAYER + "]");
    }

    private static LoraPair layer(Map<String, LoraPair> pairs) {
        return Objects.requireNonNull(pairs.get(LAYER));
    }

    private AdapterFiles.Written write(Map<String, LoraPair> pairs) {
        Path adapter = folder.resolve("adapter.safetensors");
        LoraFormats.writeKohya(adapter, LoraWeights.of(LoraWeights.Component.UNET, pairs), Map.of());
        return AdapterFiles.write(adapter, unet, request, 200, NOW, folder);
    }
}
