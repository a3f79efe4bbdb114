package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SingleFileCheckpointTest {
    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"sd15", "sdxl"})
    void everyTensorIsWhatTheFolderOfTheSameModelHas(String model) {
        List<OriginalFile.Line> table = OriginalFile.table(model);
        ModelSource source = open(model, OriginalFile.of(table, OriginalFile::random));

        Map<String, List<OriginalFile.Line>> components =
                table.stream().collect(Collectors.groupingBy(OriginalFile.Line::component));
        components.forEach((component, lines) -> {
            assertThat(source.has(component)).isTrue();
            TensorSource weights = source.weights(component);
            assertThat(weights.names())
                    .containsExactlyInAnyOrderElementsOf(
                            lines.stream().map(OriginalFile.Line::name).toList());
            for (OriginalFile.Line line : lines) {
                TensorData read = weights.read(line.name());
                assertThat(weights.info(line.name()).shape()).as(line.name()).isEqualTo(line.shape());
                assertThat(read.bytes())
                        .as(line.name())
                        .isEqualTo(OriginalFile.random(line).bytes());
                assertThat(weights.nameInFile(line.name())).isEqualTo(line.original());
            }
            assertThat(weights.contradictions()).isEmpty();
        });
    }

    @ParameterizedTest
    @CsvSource({"sd15, STABLE_DIFFUSION_1, false", "sdxl, STABLE_DIFFUSION_XL, true"})
    void theArchitectureIsSeen(String model, Architecture architecture, boolean second) {
        ModelSource source = open(model, original(model));
        assertThat(source.architecture()).isEqualTo(architecture);
        assertThat(source.has("text_encoder_2")).isEqualTo(second);
        assertThat(source.has("tokenizer_2")).isEqualTo(second);
    }

    @Test
    void whatNoNetworkUsesIsLeftOut() {
        Map<String, TensorData> tensors = original("sdxl");
        TensorData number = TensorData.of(new float[] {1}, 1);
        for (String unused : List.of(
                "model_ema.diffusion_modelinput_blocks00weight",
                "model_ema.decay",
                "alphas_cumprod",
                "alphas_cumprod_prev",
                "sqrt_one_minus_alphas_cumprod",
                "log_one_minus_alphas_cumprod",
                "sqrt_recip_alphas_cumprod",
                "sqrt_recipm1_alphas_cumprod",
                "posterior_mean_coef1",
                "betas",
                "denoiser.sigmas",
                "first_stage_model.loss.discriminator.main.0.weight",
                "conditioner.embedders.0.transformer.text_model.embeddings.position_ids",
                "conditioner.embedders.1.model.logit_scale")) {
            tensors.put(unused, number);
        }
        assertThat(open("sdxl", tensors).weights("text_encoder_2").names()).hasSize(69);
    }

    @Test
    void whatNoPartExplainsIsRefusedAllAtOnceByItsName() {
        Map<String, TensorData> tensors = original("sd15");
        TensorData number = TensorData.of(new float[] {1}, 1);
        tensors.put("model.diffusion_model.input_blocks.1.0.in_layers.9.weight", number);
        tensors.put("first_stage_model.encoder.mid.attn_2.q.weight", number);
        tensors.put("surplus", number);
        assertThatThrownBy(() -> open("sd15", tensors))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("model.safetensors")
                .hasMessageContaining("input_blocks.1.0.in_layers.9.weight")
                .hasMessageContaining("first_stage_model.encoder.mid.attn_2.q.weight")
                .hasMessageContaining("surplus");
    }

    @Test
    void aFusedProjectionThatIsNotThreeIsNamed() {
        Map<String, TensorData> tensors = original("sdxl");
        String fused = "conditioner.embedders.1.model.transformer.resblocks.2.attn.in_proj_bias";
        tensors.put(fused, TensorData.of(new float[97], 97));
        assertThatThrownBy(() -> open("sdxl", tensors))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(fused + " is [97]");
    }

    @Test
    void aMissingTensorIsAskedForByTheNameThatTheFileWouldHave() {
        Map<String, TensorData> tensors = original("sdxl");
        tensors.remove("conditioner.embedders.1.model.transformer.resblocks.2.attn.in_proj_bias");
        TensorSource weights = open("sdxl", tensors).weights("text_encoder_2");
        String name = "text_model.encoder.layers.2.self_attn.k_proj.bias";
        assertThat(weights.names()).doesNotContain(name);
        assertThatThrownBy(() -> weights.read(name))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("conditioner.embedders.1.model.transformer.resblocks.2.attn.in_proj_bias");
    }

    @Test
    void aConfigThatContradictsTheWeightsIsNamedWithKeyAndTensor() throws IOException {
        Path configs = folder.resolve("configs");
        copy(Golden.path("sd15/model"), configs);
        Path unet = configs.resolve("unet/config.json");
        Files.writeString(
                unet,
                Files.readString(unet)
                        .replace("\"cross_attention_dim\": 32", "\"cross_attention_dim\": 768")
                        .replace("\"layers_per_block\": 2", "\"layers_per_block\": 3"));
        Path file = write(original("sd15"), Map.of());
        assertThat(ModelSource.open(file, configs).weights("unet").contradictions())
                .hasSize(2)
                .anySatisfy(sentence -> assertThat(sentence)
                        .contains(unet + ": cross_attention_dim is 768, but 32 by the weights")
                        .contains("attn2.to_k.weight is ["))
                .anySatisfy(sentence ->
                        assertThat(sentence).contains(unet + ": layers_per_block is 3, but [2,2,2,2] by the weights"));
    }

    @Test
    void configsOfAnotherArchitectureAreRefused() {
        Path file = write(original("sd15"), Map.of());
        assertThatThrownBy(() -> ModelSource.open(file, Golden.path("sdxl/model")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("is a Stable Diffusion 1.x, but its configs")
                .hasMessageContaining("are of a Stable Diffusion XL");
    }

    @ParameterizedTest
    @CsvSource({
        "model.diffusion_model.joint_blocks.0.x, Stable Diffusion 3",
        "model.diffusion_model.double_blocks.0.x, Flux",
        "conditioner.embedders.0.model.ln_final.bias, refiner",
        "control_model.zero_convs.0.0.bias, ControlNet",
        "edm_mean, EDM"
    })
    void modelsOfOtherKindsAreRefusedByName(String tensor, String kind) {
        Map<String, TensorData> tensors = original("sd15");
        tensors.put(tensor, TensorData.of(new float[] {1}, 1));
        assertThatThrownBy(() -> open("sd15", tensors))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(kind);
    }

    @Test
    void anInpaintingModelIsRefusedByItsChannels() {
        Map<String, TensorData> tensors = original("sd15");
        tensors.put("model.diffusion_model.input_blocks.0.0.weight", TensorData.of(new float[32 * 81], 32, 9, 3, 3));
        assertThatThrownBy(() -> open("sd15", tensors))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("in_channels = 9");
    }

    @Test
    void anAdapterIsNoBaseModel() {
        Map<String, TensorData> tensors = Map.of("lora_unet_x.lora_down.weight", TensorData.of(new float[] {1}, 1));
        assertThatThrownBy(() -> ModelSource.open(write(tensors, Map.of())))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("no whole base model")
                .hasMessageContaining("no UNet")
                .hasMessageContaining("no text encoder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.ckpt", "model.bin", "model.pt", "model.pth"})
    void pickledFilesAreRefusedWithTheReason(String name) throws IOException {
        Path file = Files.write(folder.resolve(name), new byte[100]);
        assertThatThrownBy(() -> ModelSource.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("can run code");
    }

    @Test
    void aPickledFileUnderAnotherNameIsRefusedToo() throws IOException {
        Path file = Files.write(
                folder.resolve("model.safetensors"), new byte[] {'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        assertThatThrownBy(() -> ModelSource.open(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("can run code");
    }

    @Test
    void withoutConfigsTheVocabularyIsClips() {
        SingleFileCheckpoint large = PublishedFiles.source(PublishedFiles.large(), Map.of());
        try (ClipTokenizer first = ClipTokenizer.load(large.tokenizerFolder("tokenizer"));
                ClipTokenizer second = ClipTokenizer.load(large.tokenizerFolder("tokenizer_2"))) {
            assertThat(first.encode("a cat")).startsWith(49406, 320, 2368, 49407, 49407, 49407);
            assertThat(second.encode("a cat")).startsWith(49406, 320, 2368, 49407, 0, 0);
        }
    }

    private ModelSource open(String model, Map<String, TensorData> tensors) {
        return ModelSource.open(write(tensors, Map.of()), Golden.path(model + "/model"));
    }

    private Path write(Map<String, TensorData> tensors, Map<String, String> metadata) {
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(file, tensors, metadata);
        return file;
    }

    private static Map<String, TensorData> original(String model) {
        return new LinkedHashMap<>(OriginalFile.of(OriginalFile.table(model), OriginalFile::random));
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }
}
