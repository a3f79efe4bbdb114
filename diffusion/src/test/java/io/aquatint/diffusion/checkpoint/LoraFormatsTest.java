package io.aquatint.diffusion.checkpoint;

import static io.aquatint.diffusion.Golden.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoraFormatsTest {
    private static final String Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";

    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"a", "b"})
    void theDiffusersAndTheKohyaFileOfAnAdapterHoldTheSameLayers(String name) {
        LoraWeights diffusers = diffusers(name);
        LoraWeights kohya = kohya(name);

        assertThat(diffusers.modules()).hasSize(128).containsKey(Q);
        assertThat(kohya.modules().keySet()).isEqualTo(diffusers.modules().keySet());
        assertThat(kohya.rank()).isEqualTo(4);
        diffusers.modules().forEach((module, pair) -> {
            assertThat(kohya.modules().get(module).down()).isEqualTo(pair.down());
            assertThat(kohya.modules().get(module).up()).isEqualTo(pair.up());
            assertThat(pair.scale()).isEqualTo(1);
        });
        assertThat(kohya.modules().get(Q).alpha()).isEqualTo(name.equals("a") ? 4 : 8);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "b"})
    void writingWhatWasReadGivesTheSameTensorsAsTheOtherTools(String name) {
        LoraFormats.writeDiffusers(folder.resolve("d.safetensors"), diffusers(name), Map.of());
        LoraFormats.writeKohya(folder.resolve("k.safetensors"), kohya(name), Map.of());

        sameTensors(folder.resolve("d.safetensors"), path("sd15/lora/" + name + "/pytorch_lora_weights.safetensors"));
        sameTensors(folder.resolve("k.safetensors"), path("sd15/lora/" + name + "-kohya.safetensors"));
        assertThat(SafetensorsFile.open(folder.resolve("k.safetensors")).metadata())
                .containsAllEntriesOf(SafetensorsFile.open(path("sd15/lora/" + name + "-kohya.safetensors"))
                        .metadata());
    }

    @Test
    void anAlphaThatDiffersFromTheRankIsMultipliedIntoUpForDiffusers() {
        LoraFormats.writeDiffusers(folder.resolve("d.safetensors"), kohya("b"), Map.of());

        LoraPair read =
                LoraFormats.read(folder.resolve("d.safetensors")).modules().get(Q);
        LoraPair stored = kohya("b").modules().get(Q);

        assertThat(read.scale()).isEqualTo(1);
        assertThat(read.down()).isEqualTo(stored.down());
        for (int i = 0; i < read.up().length; i++) {
            assertThat(read.up()[i]).isEqualTo(2 * stored.up()[i]);
        }
    }

    @Test
    void theMetadataOfDiffusersCarriesAlpha() {
        LoraPair pair = LoraPair.linear(2, 3, 4, new float[6], new float[8], 2);
        Map<String, TensorData> tensors =
                LoraFormats.diffusersTensors(List.of(LoraWeights.of(Component.UNET, Map.of(Q, pair))));
        Path file = folder.resolve("m.safetensors");
        SafetensorsWriter.write(
                file, tensors, Map.of("lora_adapter_metadata", "{\"unet.r\": 2, \"unet.lora_alpha\": 16}"));

        assertThat(LoraFormats.read(file).modules().get(Q).scale()).isEqualTo(8);
    }

    @Test
    void peftsNamesAndTextEncodersAreRead() {
        Map<String, TensorData> tensors = new HashMap<>();
        String text = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj";
        for (String module : List.of("unet." + Q, text)) {
            tensors.put(module + ".lora_A.weight", TensorData.of(new float[6], 2, 3));
            tensors.put(module + ".lora_B.weight", TensorData.of(new float[8], 4, 2));
        }
        Path file = folder.resolve("peft.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());

        Map<Component, LoraWeights> all = LoraFormats.readAll(file);

        assertThat(all).containsOnlyKeys(Component.UNET, Component.TEXT_ENCODER);
        assertThat(all.get(Component.TEXT_ENCODER).modules())
                .containsOnlyKeys("text_model.encoder.layers.0.self_attn.q_proj");
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.read(file))
                .withMessageContaining("TEXT_ENCODER");
        LoraFormats.writeKohya(
                folder.resolve("k.safetensors"),
                all.values(),
                KohyaMetadata.stableDiffusion15().build());
        assertThat(LoraFormats.readAll(folder.resolve("k.safetensors"))
                        .get(Component.TEXT_ENCODER)
                        .modules())
                .containsOnlyKeys("text_model.encoder.layers.0.self_attn.q_proj");
    }

    @Test
    void everythingThatIsNoLoraIsNamed() {
        Map<String, TensorData> tensors = Map.of(
                "unet." + Q + ".lora_A.weight",
                TensorData.of(new float[6], 2, 3),
                "lora_unet_x.hada_w1_a",
                TensorData.of(new float[6], 2, 3));
        Path file = folder.resolve("bad.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());

        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.read(file))
                .withMessageContaining(Q + " lacks its up tensor")
                .withMessageContaining("hada_w1_a");
    }

    @Test
    void anAdapterIsCheckedAgainstEveryLayerOfTheBase() {
        TensorSource unet = DiffusersFolder.open(path("sd15/model")).weights("unet");
        diffusers("a").verifyAgainst(unet);
        Map<String, LoraPair> modules = new HashMap<>(diffusers("a").modules());
        modules.put("no.such.layer", LoraPair.linear(2, 3, 4, new float[6], new float[8], 2));
        modules.put(Q, LoraPair.linear(2, 3, 32, new float[6], new float[64], 2));

        assertThatExceptionOfType(LoraMismatchException.class)
                .isThrownBy(() -> LoraWeights.of(Component.UNET, modules).verifyAgainst(unet))
                .satisfies(e -> assertThat(e.problems()).hasSize(2))
                .withMessageContaining("no.such.layer")
                .withMessageContaining("down has the shape [2, 3], the base needs [2, 32]");
    }

    @Test
    void aKohyaFileSaysHowItWasMade() {
        KohyaMetadata metadata = KohyaMetadata.stableDiffusion15()
                .title("cats-v1")
                .triggerPhrase("sks cat")
                .steps(40)
                .resolution(512)
                .learningRate(1e-4)
                .build();
        LoraFormats.writeKohya(folder.resolve("k.safetensors"), diffusers("a"), metadata);

        assertThat(SafetensorsFile.open(folder.resolve("k.safetensors")).metadata())
                .containsEntry("ss_network_dim", "4")
                .containsEntry("ss_base_model_version", "sd_v1")
                .containsEntry("ss_resolution", "(512, 512)")
                .containsEntry("modelspec.trigger_phrase", "sks cat")
                .hasEntrySatisfying("sshs_model_hash", hash -> assertThat(hash).hasSize(64));
    }

    private static LoraWeights diffusers(String name) {
        return LoraFormats.read(path("sd15/lora/" + name + "/pytorch_lora_weights.safetensors"));
    }

    private static LoraWeights kohya(String name) {
        return LoraFormats.read(path("sd15/lora/" + name + "-kohya.safetensors"));
    }

    private static void sameTensors(Path actual, Path expected) {
        SafetensorsFile actualFile = SafetensorsFile.open(actual);
        SafetensorsFile expectedFile = SafetensorsFile.open(expected);
        assertThat(actualFile.names()).isEqualTo(expectedFile.names());
        for (String name : expectedFile.names()) {
            assertThat(actualFile.info(name)).isEqualTo(expectedFile.info(name));
            assertThat(actualFile.read(name).toFloats())
                    .isEqualTo(expectedFile.read(name).toFloats());
        }
    }
}
