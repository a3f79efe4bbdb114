package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelWriterTest {
    @TempDir
    Path folder = Path.of("");

    /** The table is of what diffusers' own tools made of the folder. */
    @ParameterizedTest
    @ValueSource(strings = {"sd15", "sdxl"})
    void aSingleFileHasTheTensorsThatOtherToolsMake(String name) throws IOException {
        Path source =
                name.equals("sd15") ? Golden.path("sd15/model") : TinyModels.stableDiffusionXl(folder.resolve("sdxl"));
        ModelSource model = ModelSource.open(source);
        Path file = folder.resolve("single.safetensors");
        ModelWriter.singleFile(model, file);

        Map<String, TensorData> expected =
                OriginalFile.of(OriginalFile.table(name), line -> model.weights(line.component())
                        .read(line.name()));
        SafetensorsFile written = SafetensorsFile.open(file);
        assertThat(written.names()).hasSameSizeAs(expected.keySet());
        expected.forEach((theirs, tensor) -> {
            String original = name.equals("sdxl") ? withThreeLevels(theirs) : theirs;
            assertThat(written.info(original)).as(original).isEqualTo(tensor.info());
            assertThat(written.read(original).bytes()).as(original).isEqualTo(tensor.bytes());
        });
    }

    /** Their tool counts the levels of every autoencoder's decoder as if there were four; this one has three. */
    private static String withThreeLevels(String original) {
        String start = "first_stage_model.decoder.up.";
        if (!original.startsWith(start)) {
            return original;
        }
        int level = original.charAt(start.length()) - '0';
        return start + (level - 1) + original.substring(start.length() + 1);
    }

    @Test
    void aModelSurvivesTheWayThroughASingleFile() throws IOException {
        for (Path source : List.of(
                Golden.path("sd15/model"),
                TinyModels.stableDiffusion2(folder.resolve("sd2")),
                TinyModels.stableDiffusionXl(folder.resolve("sdxl")))) {
            ModelSource model = ModelSource.open(source);
            Path file = folder.resolve("single.safetensors");
            ModelWriter.singleFile(model, file);
            Path again = folder.resolve("again-" + model.architecture());
            ModelWriter.diffusersFolder(ModelSource.open(file, source), again);

            ModelSource read = ModelSource.open(again);
            assertThat(read.architecture()).isEqualTo(model.architecture());
            for (String component : List.of("unet", "vae", "text_encoder", "text_encoder_2")) {
                assertThat(read.has(component)).isEqualTo(model.has(component));
                if (model.has(component)) {
                    assertThat(read.config(component).root())
                            .isEqualTo(model.config(component).root());
                    sameTensors(read.weights(component), model.weights(component));
                }
            }
            assertThat(read.config("scheduler").root())
                    .isEqualTo(model.config("scheduler").root());
            assertThat(read.tokenizerFolder("tokenizer").resolve("merges.txt"))
                    .hasSameBinaryContentAs(model.tokenizerFolder("tokenizer").resolve("merges.txt"));
        }
    }

    @Test
    void whatAnAbsentNegativePromptStandsForIsKept() throws IOException {
        Path source = TinyModels.stableDiffusionXl(folder.resolve("sdxl"));
        for (boolean zeros : new boolean[] {true, false}) {
            TinyModels.edit(
                    source.resolve("model_index.json"), index -> index.put("force_zeros_for_empty_prompt", zeros));
            ModelSource model = ModelSource.open(source);
            Path cast = folder.resolve("cast-" + zeros);
            ModelWriter.diffusersFolder(model.changed(component -> TensorChange.to(DType.F16)), cast);
            assertThat(ModelSource.open(cast).zerosForAbsentNegativePrompt()).isEqualTo(zeros);
            assertThat(model.replacing(Map.of("unet", model.weights("unet"))).zerosForAbsentNegativePrompt())
                    .isEqualTo(zeros);
        }
    }

    private static void sameTensors(TensorSource actual, TensorSource expected) {
        assertThat(actual.names()).containsExactlyInAnyOrderElementsOf(expected.names());
        for (String name : expected.names()) {
            assertThat(actual.info(name)).as(name).isEqualTo(expected.info(name));
            assertThat(actual.read(name).bytes())
                    .as(name)
                    .isEqualTo(expected.read(name).bytes());
        }
    }

    @Test
    void aSingleFileSaysWhatItPredicts() throws IOException {
        Path second = TinyModels.stableDiffusion2(folder.resolve("sd2"));
        Path large = TinyModels.stableDiffusionXl(folder.resolve("sdxl"));
        TinyModels.edit(
                large.resolve("scheduler/scheduler_config.json"),
                config -> config.put("prediction_type", "v_prediction").put("rescale_betas_zero_snr", true));
        Path file = folder.resolve("single.safetensors");

        ModelWriter.singleFile(ModelSource.open(second), file);
        assertThat(SafetensorsFile.open(file).metadata())
                .containsEntry("modelspec.architecture", "stable-diffusion-v2-768-v")
                .containsEntry("modelspec.prediction_type", "v");
        assertThat(SafetensorsFile.open(file).names()).doesNotContain("v_pred", "ztsnr");

        ModelWriter.singleFile(ModelSource.open(large), file);
        assertThat(SafetensorsFile.open(file).metadata())
                .containsEntry("modelspec.architecture", "stable-diffusion-xl-v1-base")
                .containsEntry("modelspec.prediction_type", "v");
        assertThat(SafetensorsFile.open(file).names()).contains("v_pred", "ztsnr");

        ModelWriter.singleFile(ModelSource.open(Golden.path("sd15/model")), file);
        assertThat(SafetensorsFile.open(file).metadata())
                .containsEntry("modelspec.architecture", "stable-diffusion-v1")
                .containsEntry("modelspec.prediction_type", "epsilon");
    }

    @Test
    void whatAReaderCannotKnowIsSaid() {
        assertThat(ModelWriter.singleFile(ModelSource.open(Golden.path("sd15/model")), folder.resolve("f.safetensors")))
                .singleElement()
                .asString()
                .contains("without its configs it cannot be read")
                .contains("the number of heads is not known");
    }

    @Test
    void aTensorWithoutANameInTheOriginalLayoutIsNamed() throws IOException {
        Path model = TinyModels.stableDiffusionXl(folder.resolve("sdxl"));
        Path weights = model.resolve("text_encoder_2/model.safetensors");
        SafetensorsFile file = SafetensorsFile.open(weights);
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        file.names().forEach(name -> tensors.put(name, file.read(name)));
        tensors.put("text_model.surprise.weight", TensorData.of(new float[1], 1));
        SafetensorsWriter.write(weights, tensors, Map.of());

        Path target = folder.resolve("f.safetensors");
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> ModelWriter.singleFile(ModelSource.open(model), target))
                .withMessageContaining("text_encoder_2 text_model.surprise.weight")
                .withMessageContaining(model.toString());
        assertThat(target).doesNotExist();
    }

    @Test
    void aFolderWithFilesIsNotWrittenInto() throws IOException {
        Files.createFile(folder.resolve("something"));
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> ModelWriter.diffusersFolder(ModelSource.open(Golden.path("sd15/model")), folder))
                .withMessageContaining("is not empty");
    }

    @Test
    void everyFloatingPointTypeBecomesEveryOther() {
        float[] values = {1, -2.5f, 0.1f, 65504, 0x1p-14f, 0};
        for (DType from : List.of(DType.F16, DType.BF16, DType.F32, DType.F64)) {
            TensorData stored = TensorData.of(from, values, 2, 3);
            for (DType to : List.of(DType.F16, DType.BF16, DType.F32, DType.F64)) {
                if (to == DType.F16 && from == DType.BF16) {
                    continue; // 65504 is 65536 there
                }
                TensorData converted = TensorChange.to(to).data("x", stored);
                assertThat(converted.info()).isEqualTo(TensorInfo.of(to, 2, 3));
                assertThat(converted.toFloats())
                        .isEqualTo(TensorData.of(to, stored.toFloats(), 2, 3).toFloats());
            }
        }
    }

    @Test
    void whatATypeCannotHoldIsNamedAndIntegersStay() {
        TensorData large = TensorData.of(new float[] {1, 1e6f}, 2);
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TensorChange.to(DType.F16).data("a.weight", large))
                .withMessage("a.weight has the value 1000000.0, which float16 cannot hold: write float32 or bfloat16");
        TensorData infinite = TensorData.of(new float[] {Float.POSITIVE_INFINITY, Float.NaN}, 2);
        assertThat(TensorChange.to(DType.F16).data("a", infinite).toFloats())
                .containsExactly(Float.POSITIVE_INFINITY, Float.NaN);
        TensorData integer = new TensorData(TensorInfo.of(DType.I64, 1), ByteBuffer.allocate(8));
        assertThat(TensorChange.to(DType.F16).data("a", integer)).isEqualTo(integer);
        assertThat(TensorChange.to(DType.F16).info("a", integer.info())).isEqualTo(integer.info());
    }
}
