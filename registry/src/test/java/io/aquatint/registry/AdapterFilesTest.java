package io.aquatint.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.events.TrainingRequested;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterFilesTest {
    private static final String LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    private static final String TEXT_LAYER = "text_model.encoder.layers.0.self_attn.q_proj";
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");

    private static ModelSource model;

    @TempDir
    private Path folder = Path.of("");

    private final TrainingRequested request = Trainings.request();

    @BeforeAll
    static void createABaseModel(@TempDir Path base) {
        BaseModelInitializer.create(base, 1);
        model = ModelSource.open(base);
    }

    @Test
    void bothFilesHoldWhatWasTrained() {
        Map<String, LoraPair> trained = PlantedAdapter.pairs(model.weights("unet"), request);
        List<WrittenFile> files = write(trained);

        assertThat(files.get(0).path()).hasFileName("pytorch_lora_weights.safetensors");
        LoraPair diffusers = layer(LoraFormats.read(files.get(0).path()).modules());
        assertThat(diffusers.scale()).isEqualTo(1.0);
        assertThat(diffusers.up()).containsExactly(layer(trained).folded().up());

        assertThat(files.get(1).path()).hasFileName("cats-v3-kohya.safetensors");
        LoraPair kohya = layer(LoraFormats.read(files.get(1).path()).modules());
        assertThat(kohya.alpha()).isEqualTo(2.0);
        assertThat(kohya.up()).containsExactly(layer(trained).up());
        assertThat(SafetensorsFile.open(files.get(1).path()).metadata())
                .containsEntry("ss_network_dim", "4")
                .containsEntry("ss_network_alpha", "2")
                .containsEntry("ss_steps", "200")
                .containsEntry("ss_output_name", "cats-v3")
                .containsEntry("ss_base_model_version", "sd_v1")
                .containsEntry("modelspec.prediction_type", "epsilon")
                .containsEntry("modelspec.trigger_phrase", "sks");
    }

    @Test
    void aLayerThatDoesNotFitTheBaseIsNamed() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(model.weights("unet"), request);
        pairs.put(LAYER, LoraPair.linear(4, 3, 5, new float[12], new float[20], 2));
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(LoraMismatchException.class)
                .hasMessageContaining(LAYER);
    }

    @Test
    void aMissingLayerIsNamed() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(model.weights("unet"), request);
        pairs.remove(LAYER);
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("missing [" + LAYER + "]");
    }

    @Test
    void valuesThatAreNoNumbersAreRefused() {
        Map<String, LoraPair> pairs = PlantedAdapter.pairs(model.weights("unet"), request);
        layer(pairs).up()[0] = Float.NaN;
        assertThatThrownBy(() -> write(pairs))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("no numbers in: [" + LAYER + "]");
    }

    private static LoraPair layer(Map<String, LoraPair> pairs) {
        return Objects.requireNonNull(pairs.get(LAYER));
    }

    @Test
    void theTextEncodersAdapterIsInBothFiles() {
        LoraPair pair = LoraPair.linear(4, 64, 64, new float[256], new float[256], 4);
        pair.up()[7] = 3;
        List<WrittenFile> files = write(
                LoraWeights.of(Component.UNET, PlantedAdapter.pairs(model.weights("unet"), request)),
                LoraWeights.of(Component.TEXT_ENCODER, Map.of(TEXT_LAYER, pair)));

        for (Path file : List.of(files.get(0).path(), files.get(1).path())) {
            LoraWeights text = Objects.requireNonNull(LoraFormats.readAll(file).get(Component.TEXT_ENCODER));
            assertThat(Objects.requireNonNull(text.modules().get(TEXT_LAYER)).up())
                    .containsExactly(pair.up());
        }
    }

    @Test
    void aTextEncodersLayerThatDoesNotFitIsNamed() {
        LoraPair pair = LoraPair.linear(4, 3, 3, new float[12], new float[12], 4);
        assertThatThrownBy(() -> write(
                        LoraWeights.of(Component.UNET, PlantedAdapter.pairs(model.weights("unet"), request)),
                        LoraWeights.of(Component.TEXT_ENCODER, Map.of(TEXT_LAYER, pair))))
                .isInstanceOf(LoraMismatchException.class)
                .hasMessageContaining(TEXT_LAYER);
    }

    private List<WrittenFile> write(Map<String, LoraPair> pairs) {
        return write(LoraWeights.of(Component.UNET, pairs));
    }

    private List<WrittenFile> write(LoraWeights... adapters) {
        Path adapter = folder.resolve("adapter.safetensors");
        LoraFormats.writeKohya(adapter, List.of(adapters), KohyaMetadata.of(Map.of()));
        return AdapterFiles.write(adapter, model, request, 200, NOW, folder);
    }
}
