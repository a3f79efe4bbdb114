package io.aquatint.diffusion.checkpoint;

import static io.aquatint.diffusion.Golden.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.offset;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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
        Path file = folder.resolve("d.safetensors");
        LoraFormats.writeDiffusers(file, kohya("b"), Map.of());

        LoraPair read = LoraFormats.read(file).modules().get(Q);
        LoraPair stored = kohya("b").modules().get(Q);

        assertThat(read.scale()).isEqualTo(1);
        assertThat(read.down()).isEqualTo(stored.down());
        for (int i = 0; i < read.up().length; i++) {
            assertThat(read.up()[i]).isEqualTo(2 * stored.up()[i]);
        }
    }

    @Test
    void theMetadataOfDiffusersCarriesAlpha() {
        Map<String, TensorData> tensors = Map.of(
                "unet." + Q + ".lora.down.weight", TensorData.of(new float[6], 2, 3),
                "unet." + Q + ".lora.up.weight", TensorData.of(new float[8], 4, 2));
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
        Path kohya = folder.resolve("k.safetensors");
        KohyaMetadata metadata =
                KohyaMetadata.builder(Architecture.STABLE_DIFFUSION_1).build();
        LoraFormats.writeKohya(kohya, all.values(), metadata);
        assertThat(LoraFormats.readAll(kohya).get(Component.TEXT_ENCODER).modules())
                .containsOnlyKeys("text_model.encoder.layers.0.self_attn.q_proj");
    }

    @Test
    void everythingThatIsNoLoraIsNamed() {
        TensorData tensor = TensorData.of(new float[6], 2, 3);
        var tensors = Map.of("unet." + Q + ".lora_A.weight", tensor, "lora_unet_x.hada_w1_a", tensor);
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
        KohyaMetadata metadata = KohyaMetadata.builder(Architecture.STABLE_DIFFUSION_1)
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

    @Test
    void kohyasNamesOfStableDiffusionXlAreTheOriginals() {
        LoraFile read = LoraFormats.open(path("sdxl/lora/a"));
        assertThat(read.architecture()).contains(Architecture.STABLE_DIFFUSION_XL);
        Path file = folder.resolve("k.safetensors");
        new LoraWriter(read.weights())
                .kohya(
                        file,
                        KohyaMetadata.builder(Architecture.STABLE_DIFFUSION_XL).build());

        assertThat(SafetensorsFile.open(file).names())
                .hasSize(3 * 184)
                .contains(
                        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
                        "lora_unet_middle_block_1_transformer_blocks_2_attn2_to_out_0.alpha",
                        "lora_unet_output_blocks_5_1_transformer_blocks_0_attn2_to_v.lora_up.weight");
        assertThat(SafetensorsFile.open(file).metadata())
                .containsEntry("ss_base_model_version", "sdxl_base_v1-0")
                .containsEntry("ss_v2", "False")
                .containsEntry("modelspec.architecture", "stable-diffusion-xl-v1-base/lora")
                .containsEntry("modelspec.implementation", "https://github.com/Stability-AI/generative-models")
                .doesNotContainKey("aquatint.layers_per_block");
        sameAdapters(LoraFormats.open(file), read);
    }

    @Test
    void bothTextEncodersOfStableDiffusionXlHaveNamesOfTheirOwn() {
        String q = "text_model.encoder.layers.0.self_attn.q_proj";
        List<LoraWeights> adapters = List.of(
                LoraWeights.of(Component.TEXT_ENCODER, Map.of(q, pair(2, 3, 4, 1))),
                LoraWeights.of(Component.TEXT_ENCODER_2, Map.of(q, pair(2, 5, 4, 4))));
        Path file = folder.resolve("k.safetensors");
        new LoraWriter(adapters).kohya(file, KohyaMetadata.of(Map.of()));

        assertThat(SafetensorsFile.open(file).names())
                .contains(
                        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
                        "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.alpha");
        LoraFile read = LoraFormats.open(file);
        assertThat(read.form()).isEqualTo(LoraForm.KOHYA);
        assertThat(read.adapters()).containsOnlyKeys(Component.TEXT_ENCODER, Component.TEXT_ENCODER_2);
        assertThat(modules(read, Component.TEXT_ENCODER_2).get(q).alpha()).isEqualTo(4);
    }

    @ParameterizedTest
    @CsvSource({
        "STABLE_DIFFUSION_1, epsilon, sd_v1, False, stable-diffusion-v1/lora",
        "STABLE_DIFFUSION_1, v_prediction, sd_v1_v, False, stable-diffusion-v1/lora",
        "STABLE_DIFFUSION_2, epsilon, sd_v2, True, stable-diffusion-v2-512/lora",
        "STABLE_DIFFUSION_2, v_prediction, sd_v2_v, True, stable-diffusion-v2-768-v/lora",
        "STABLE_DIFFUSION_XL, epsilon, sdxl_base_v1-0, False, stable-diffusion-xl-v1-base/lora"
    })
    void theMetadataNameTheBaseAsKohyasScriptsDo(
            Architecture architecture, String prediction, String version, String second, String specified) {
        KohyaMetadata metadata =
                KohyaMetadata.builder(architecture).predictionType(prediction).build();
        assertThat(metadata.entries())
                .containsEntry("ss_base_model_version", version)
                .containsEntry("ss_v2", second)
                .containsEntry("modelspec.architecture", specified)
                .containsEntry("modelspec.prediction_type", prediction.equals("epsilon") ? "epsilon" : "v");
        assertThat(metadata.architecture()).contains(architecture);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "unet.Q.processor.to_out_lora.X.weight",
                "Q.processor.to_out_lora.X.weight",
                "unet.Q.to_out.0.lora.X.weight",
                "unet.Q.to_out.0.lora_Y.weight",
                "base_model.model.Q.to_out.0.lora_Y.weight",
                "base_model.model.Q.to_out.0.lora_Y.default.weight",
                "lora_unet_K_to_out_0.lora_X.weight",
                "lora_unet_O_to_out_0.lora_X.weight"
            })
    void aLayerOfTheUNetIsReadUnderEachOfItsNames(String name) {
        String module = "up_blocks.1.attentions.2.transformer_blocks.0.attn2";
        String full = name.replace("Q", module)
                .replace("K", module.replace('.', '_'))
                .replace("O", "output_blocks_5_1_transformer_blocks_0_attn2");
        assertThat(readPair(full).get(Component.UNET).modules()).containsOnlyKeys(module + ".to_out.0");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "text_encoder.text_model.encoder.layers.3.self_attn.out_proj.lora_linear_layer.X.weight",
                "text_encoder.encoder.layers.3.self_attn.out_proj.lora_linear_layer.X.weight",
                "text_encoder.text_model.encoder.layers.3.self_attn.to_out_lora.X.weight",
                "text_encoder.encoder.layers.3.self_attn.out_proj.lora_Y.weight",
                "base_model.model.text_model.encoder.layers.3.self_attn.out_proj.lora_Y.weight",
                "lora_te_text_model_encoder_layers_3_self_attn_out_proj.lora_X.weight",
                "lora_te1_text_model_encoder_layers_3_self_attn_out_proj.lora_X.weight"
            })
    void aLayerOfTheTextEncoderIsReadUnderEachOfItsNames(String name) {
        assertThat(readPair(name).get(Component.TEXT_ENCODER).modules())
                .containsOnlyKeys("text_model.encoder.layers.3.self_attn.out_proj");
    }

    @ParameterizedTest
    @CsvSource({
        "lora_unet_x.hada_w1_a, a LoHa",
        "lora_unet_x.lokr_w1, a LoKr",
        "lora_unet_x.dora_scale, a DoRA",
        "unet.x.lora_magnitude_vector, a DoRA",
        "lora_unet_x.lora_mid.weight, lora_mid",
        "lora_unet_x.diff, whole differences",
        "lora_unet_x.oft_blocks, OFT",
        "unet.x.lora_B.bias, biases",
        "transformer.blocks.0.attn.to_q.lora_A.weight, FLUX",
        "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight, FLUX"
    })
    void otherAdaptersAreRefusedByName(String tensor, String kind) {
        Path file = folder.resolve("other.safetensors");
        SafetensorsWriter.write(file, Map.of(tensor, TensorData.of(new float[6], 2, 3)), Map.of());

        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.open(file))
                .withMessageContaining(file.toString())
                .withMessageContaining(kind)
                .withMessageContaining(tensor);
    }

    @Test
    void peftsSettingsAreReadFromTheFileBeside() throws Exception {
        Path unet = Files.createDirectories(folder.resolve("unet"));
        LoraPair pair = pair(2, 3, 4, 2);
        SafetensorsWriter.write(
                unet.resolve("adapter_model.safetensors"),
                Map.of(
                        "base_model.model.mid.x.lora_A.weight", TensorData.of(pair.down(), pair.downShape()),
                        "base_model.model.mid.x.lora_B.weight", TensorData.of(pair.up(), pair.upShape()),
                        "base_model.model.mid.y.lora_A.weight", TensorData.of(pair.down(), pair.downShape()),
                        "base_model.model.mid.y.lora_B.weight", TensorData.of(pair.up(), pair.upShape())),
                Map.of());
        Path config = unet.resolve("adapter_config.json");
        Files.writeString(config, "{\"peft_type\": \"LORA\", \"lora_alpha\": 6, \"alpha_pattern\": {\"y\": 5}}");
        assertThat(modules(LoraFormats.open(folder), Component.UNET)
                        .get("mid.x")
                        .alpha())
                .isEqualTo(6);
        assertThat(modules(LoraFormats.open(unet), Component.UNET).get("mid.y").alpha())
                .isEqualTo(5);

        Files.writeString(config, "{\"peft_type\": \"LORA\", \"lora_alpha\": 6, \"use_rslora\": true}");
        assertThat(modules(LoraFormats.open(unet), Component.UNET).get("mid.y").scale())
                .isCloseTo(6 / Math.sqrt(2), offset(1e-12));

        Files.writeString(config, "{\"peft_type\": \"LOHA\"}");
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.open(unet))
                .withMessageContaining("LOHA");
        Files.writeString(config, "{\"lora_alpha\"");
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.open(unet))
                .withMessageContaining("adapter_config.json is no JSON");
    }

    @Test
    void peftsFilesSayWhatTheyAre() throws Exception {
        new LoraWriter(List.of(kohya("b"))).peft(folder);

        JsonNode config = new ObjectMapper()
                .readTree(folder.resolve("adapter_config.json").toFile());
        assertThat(config.path("peft_type").asText()).isEqualTo("LORA");
        assertThat(config.path("r").asInt()).isEqualTo(4);
        assertThat(config.path("lora_alpha").asInt()).isEqualTo(8);
        assertThat(config.path("target_modules")).hasSize(128);
        assertThat(config.path("auto_mapping").path("base_model_class").asText())
                .isEqualTo("UNet2DConditionModel");
        LoraFile read = LoraFormats.open(folder);
        assertThat(read.form()).isEqualTo(LoraForm.PEFT);
        sameModules(modules(read, Component.UNET), kohya("b").modules());
    }

    @Test
    void theMetadataOfADiffusersFileNameRanksAndLayers() throws Exception {
        LoraWeights adapter = LoraWeights.of(
                Component.TEXT_ENCODER,
                Map.of(
                        "text_model.encoder.layers.0.mlp.fc1", pair(2, 3, 4, 1),
                        "text_model.encoder.layers.1.mlp.fc1", pair(2, 3, 4, 1),
                        "text_model.encoder.layers.2.mlp.fc1", pair(3, 3, 4, 1)));
        Path file = folder.resolve("d.safetensors");
        LoraFormats.writeDiffusers(file, adapter, Map.of());

        JsonNode metadata = new ObjectMapper()
                .readTree(SafetensorsFile.open(file).metadata().get("lora_adapter_metadata"));
        assertThat(metadata.path("text_encoder.r").asInt()).isEqualTo(2);
        assertThat(metadata.path("text_encoder.lora_alpha").asInt()).isEqualTo(2);
        assertThat(metadata.path("text_encoder.rank_pattern")
                        .path("encoder.layers.2.mlp.fc1")
                        .asInt())
                .isEqualTo(3);
        assertThat(metadata.path("text_encoder.alpha_pattern")
                        .path("encoder.layers.2.mlp.fc1")
                        .asInt())
                .isEqualTo(3);
        assertThat(metadata.path("text_encoder.target_modules")).hasSize(3);
    }

    @ParameterizedTest
    @CsvSource({"F16, 0.001", "BF16, 0.008"})
    void anAdapterMayBeWrittenInHalfThePrecision(DType dtype, float error) {
        Path file = folder.resolve("h.safetensors");
        new LoraWriter(List.of(kohya("a"))).dtype(dtype).kohya(file, KohyaMetadata.of(Map.of()));

        LoraFile read = LoraFormats.open(file);
        assertThat(read.dtype()).isEqualTo(dtype);
        float[] up = modules(read, Component.UNET).get(Q).up();
        float[] full = kohya("a").modules().get(Q).up();
        for (int i = 0; i < up.length; i++) {
            assertThat(up[i]).isCloseTo(full[i], offset(Math.abs(full[i]) * error));
        }
    }

    @Test
    void whatFloat16CannotHoldIsRefused() {
        LoraPair large = LoraPair.linear(1, 1, 1, new float[] {1}, new float[] {70000}, 1);
        LoraWriter writer = new LoraWriter(List.of(LoraWeights.of(Component.UNET, Map.of(Q, large)))).dtype(DType.F16);
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> writer.diffusers(folder.resolve("h.safetensors")))
                .withMessageContaining(Q)
                .withMessageContaining("float16");
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora.bin", "lora.pt", "lora.safetensors"})
    void pickledFilesAreRefused(String name) throws Exception {
        Path file = folder.resolve(name);
        Files.write(file, new byte[] {'P', 'K', 3, 4, 20, 0, 8, 8, 0, 0});
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> LoraFormats.open(file))
                .withMessageContaining("can run code");
    }

    @Test
    void anAdapterOfABaseWithoutItsComponentIsRefused() {
        LoraWeights second = LoraWeights.of(Component.TEXT_ENCODER_2, Map.of("x", pair(1, 2, 3, 1)));
        assertThatExceptionOfType(LoraMismatchException.class)
                .isThrownBy(() -> LoraWeights.verify(ModelSource.open(path("sd15/model")), List.of(second)))
                .withMessageContaining("which is Stable Diffusion 1.x; its layers are those of Stable Diffusion XL")
                .withMessageContaining("the base has no text_encoder_2");
    }

    private Map<Component, LoraWeights> readPair(String name) {
        String down = name.replace("X", "down").replace("lora_Y", "lora_A");
        String up = name.replace("X", "up").replace("lora_Y", "lora_B");
        Path file = folder.resolve("pair.safetensors");
        SafetensorsWriter.write(
                file, Map.of(down, TensorData.of(new float[6], 2, 3), up, TensorData.of(new float[8], 4, 2)), Map.of());
        return LoraFormats.readAll(file);
    }

    private static LoraPair pair(int rank, int in, int out, double alpha) {
        return LoraPair.linear(rank, in, out, new float[rank * in], new float[rank * out], alpha);
    }

    private static Map<String, LoraPair> modules(LoraFile file, Component component) {
        return Objects.requireNonNull(file.adapters().get(component)).modules();
    }

    private static void sameAdapters(LoraFile actual, LoraFile expected) {
        assertThat(actual.adapters().keySet()).isEqualTo(expected.adapters().keySet());
        expected.adapters().forEach((component, adapter) -> sameModules(modules(actual, component), adapter.modules()));
    }

    private static void sameModules(Map<String, LoraPair> actual, Map<String, LoraPair> expected) {
        assertThat(actual).usingRecursiveComparison().isEqualTo(expected);
    }

    private static LoraWeights diffusers(String name) {
        return LoraFormats.read(path("sd15/lora/" + name + "/pytorch_lora_weights.safetensors"));
    }

    private static LoraWeights kohya(String name) {
        return LoraFormats.read(path("sd15/lora/" + name + "-kohya.safetensors"));
    }

    private static void sameTensors(Path actual, Path expected) {
        SafetensorsFile one = SafetensorsFile.open(actual);
        SafetensorsFile other = SafetensorsFile.open(expected);
        assertThat(one.names()).isEqualTo(other.names());
        for (String name : other.names()) {
            assertThat(one.info(name)).isEqualTo(other.info(name));
            assertThat(one.read(name).toFloats()).isEqualTo(other.read(name).toFloats());
        }
    }
}
