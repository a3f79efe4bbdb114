package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DiffusersFolderTest {
    @TempDir
    Path folder = Path.of("");

    @Test
    void ofAPublishedFolderOnlyTheFilesThatAreReadAreNeeded() {
        assertThat(DiffusersFolder.needed(List.of(
                        "README.md",
                        "model_index.json",
                        "v1-5-pruned.ckpt",
                        "feature_extractor/preprocessor_config.json",
                        "safety_checker/model.safetensors",
                        "scheduler/scheduler_config.json",
                        "text_encoder/config.json",
                        "text_encoder/model.fp16.safetensors",
                        "text_encoder/model.safetensors",
                        "text_encoder/pytorch_model.bin",
                        "tokenizer/merges.txt",
                        "tokenizer/vocab.json",
                        "unet/config.json",
                        "unet/diffusion_pytorch_model.bin",
                        "unet/diffusion_pytorch_model.fp16.safetensors",
                        "unet/diffusion_pytorch_model.non_ema.safetensors",
                        "unet/diffusion_pytorch_model.safetensors",
                        "vae/config.json",
                        "vae/diffusion_pytorch_model.fp16.safetensors")))
                .containsExactlyInAnyOrder(
                        "model_index.json",
                        "scheduler/scheduler_config.json",
                        "text_encoder/config.json",
                        "text_encoder/model.safetensors",
                        "tokenizer/merges.txt",
                        "tokenizer/vocab.json",
                        "unet/config.json",
                        "unet/diffusion_pytorch_model.safetensors",
                        "vae/config.json",
                        "vae/diffusion_pytorch_model.fp16.safetensors");
    }

    @Test
    void shardsAreNeededWithTheirIndex() {
        List<String> full = List.of(
                "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
                "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.json");
        List<String> half = List.of(
                "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
                "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
                "unet/diffusion_pytorch_model.safetensors.index.fp16.json");
        List<String> both = new java.util.ArrayList<>(full);
        both.addAll(half);
        assertThat(DiffusersFolder.needed(both)).containsExactlyElementsOf(full);
        assertThat(DiffusersFolder.needed(half)).containsExactlyElementsOf(half);
    }

    @Test
    void aComponentWithPickledWeightsAloneIsRefused() {
        assertThatThrownBy(
                        () -> DiffusersFolder.needed(List.of("unet/config.json", "unet/diffusion_pytorch_model.bin")))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("diffusion_pytorch_model.bin")
                .hasMessageContaining("can run code");
    }

    @ParameterizedTest
    @CsvSource({
        "StableDiffusionPipeline, '', STABLE_DIFFUSION_1",
        "StableDiffusionPipeline, '\"attention_head_dim\": 8', STABLE_DIFFUSION_1",
        "StableDiffusionPipeline, '\"use_linear_projection\": true', STABLE_DIFFUSION_2",
        "StableDiffusionPipeline, '\"attention_head_dim\": [5, 10]', STABLE_DIFFUSION_2",
        "StableDiffusionXLPipeline, '\"addition_embed_type\": \"text_time\"', STABLE_DIFFUSION_XL"
    })
    void theArchitectureIsSeenFromThePipelineAndTheUNet(String pipeline, String unet, Architecture architecture)
            throws IOException {
        assertThat(ModelSource.open(folder(pipeline, "{" + unet + "}")).architecture())
                .isEqualTo(architecture);
    }

    @ParameterizedTest
    @CsvSource({
        "StableDiffusion3Pipeline, '', StableDiffusion3Pipeline",
        "FluxPipeline, '', FluxPipeline",
        "StableDiffusionInpaintPipeline, '', StableDiffusionInpaintPipeline",
        "StableDiffusionXLPipeline, '', addition_embed_type",
        "StableDiffusionPipeline, '\"addition_embed_type\": \"text_time\"', addition_embed_type"
    })
    void anythingElseIsRefusedByName(String pipeline, String unet, String named) throws IOException {
        Path model = folder(pipeline, "{" + unet + "}");
        assertThatThrownBy(() -> ModelSource.open(model))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(model.toString())
                .hasMessageContaining(named);
    }

    @Test
    void anIndexNamesATensorOnceAndShardsThatAreThere() throws IOException {
        Path model = folder("StableDiffusionPipeline", "{}");
        Path index = model.resolve("unet/diffusion_pytorch_model.safetensors.index.json");
        Files.writeString(index, "{\"weight_map\": {\"a\": \"1.safetensors\", \"a\": \"2.safetensors\"}}");
        assertThatThrownBy(() -> ModelSource.open(model).weights("unet"))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(index.toString())
                .hasMessageContaining("Duplicate field 'a'");

        Files.writeString(index, "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"1.safetensors\"}}");
        assertThatThrownBy(() -> ModelSource.open(model).weights("unet"))
                .isInstanceOf(CheckpointException.class)
                .hasMessage(index + ": the shard 1.safetensors is missing");
    }

    @Test
    void legacyNamesOfAnAutoencodersAttentionComeUnderTodays() throws IOException {
        Path model = folder("StableDiffusionPipeline", "{}");
        Files.createDirectories(model.resolve("vae"));
        String start = "encoder.mid_block.attentions.0.";
        TensorData number = TensorData.of(new float[] {1}, 1);
        Map<String, TensorData> legacy = new java.util.HashMap<>(
                Map.of(start + "query.weight", number, start + "proj_attn.bias", number, "quant_conv.bias", number));
        Path file = model.resolve("vae/diffusion_pytorch_model.safetensors");
        SafetensorsWriter.write(file, legacy, Map.of());
        assertThat(ModelSource.open(model).weights("vae").names())
                .containsExactlyInAnyOrder(start + "to_q.weight", start + "to_out.0.bias", "quant_conv.bias");
        legacy.put(start + "to_q.weight", number);
        SafetensorsWriter.write(file, legacy, Map.of());
        assertThatThrownBy(() -> ModelSource.open(model).weights("vae"))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("two names of one tensor, " + start + "to_q.weight");
    }

    private Path folder(String pipeline, String unet) throws IOException {
        Files.writeString(folder.resolve("model_index.json"), "{\"_class_name\": \"%s\"}".formatted(pipeline));
        Files.createDirectories(folder.resolve("unet"));
        Files.writeString(folder.resolve("unet/config.json"), unet);
        return folder;
    }
}
