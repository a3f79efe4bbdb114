package io.aquatint.diffusion.checkpoint;

import static io.aquatint.diffusion.Golden.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextualInversionFilesTest {
    private static final TextualInversion ONE =
            new TextualInversion("<cat>", List.of(new float[] {1, 2, 3}, new float[] {4, 5, 6}), null);
    private static final TextualInversion TWO =
            new TextualInversion("<cat>", List.of(new float[] {1, 2, 3}), List.of(new float[] {4, 5, 6, 7, 8}));

    @TempDir
    Path folder = Path.of("");

    @Test
    void diffusersNamesTheTensorByItsToken() {
        Path file = folder.resolve("learned_embeds.safetensors");
        assertThat(TextualInversionFiles.writeDiffusers(file, ONE, Map.of())).containsExactly(file);

        assertThat(SafetensorsFile.open(file).names()).containsExactly("<cat>");
        assertThat(SafetensorsFile.open(file).info("<cat>").shape()).containsExactly(2L, 3L);
        same(TextualInversionFiles.read(file), ONE);
        same(TextualInversionFiles.read(folder), ONE);
    }

    @ParameterizedTest
    @CsvSource({
        "learned_embeds.safetensors, learned_embeds_2.safetensors",
        "learned_embeds-steps-500.safetensors, learned_embeds_2-steps-500.safetensors",
        "cat.safetensors, cat_2.safetensors"
    })
    void diffusersHasASecondFileForTheSecondTextEncoder(String first, String second) {
        Path file = folder.resolve(first);
        assertThat(TextualInversionFiles.writeDiffusers(file, TWO, Map.of()))
                .containsExactly(file, folder.resolve(second));
        same(TextualInversionFiles.read(file), TWO);
    }

    @Test
    void theFilesOfTwoWordsAreNotOne() {
        Path file = folder.resolve("learned_embeds.safetensors");
        TextualInversionFiles.writeDiffusers(file, TWO, Map.of());
        TextualInversionFiles.writeDiffusers(file, new TextualInversion("<dog>", TWO.vectors(), null), Map.of());
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TextualInversionFiles.read(file))
                .withMessageContaining("<dog>")
                .withMessageContaining("<cat>");
    }

    @Test
    void a1111NamesTheFileByTheToken() {
        Path file = folder.resolve("my-cat.safetensors");
        TextualInversionFiles.writeA1111(file, ONE, Map.of("modelspec.title", "cats"));
        assertThat(SafetensorsFile.open(file).names()).containsExactly("emb_params");
        assertThat(SafetensorsFile.open(file).metadata()).containsEntry("modelspec.title", "cats");
        assertThat(TextualInversionFiles.read(file).token()).isEqualTo("my-cat");
        same(TextualInversionFiles.read(file, "<cat>"), ONE);

        TextualInversionFiles.writeA1111(file, TWO, Map.of());
        assertThat(SafetensorsFile.open(file).names()).containsExactlyInAnyOrder("clip_l", "clip_g");
        same(TextualInversionFiles.read(file, "<cat>"), TWO);
    }

    @Test
    void oneVectorMayBeARow() {
        Path file = folder.resolve("row.safetensors");
        SafetensorsWriter.write(file, Map.of("sks", TensorData.halfOf(new float[] {1, 2}, 2)), Map.of());
        TextualInversion word = TextualInversionFiles.read(file);
        assertThat(word.token()).isEqualTo("sks");
        assertThat(word.vectors()).hasSize(1);
        assertThat(word.vectors().get(0)).containsExactly(1, 2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cat.pt", "learned_embeds.bin"})
    void pickledFilesAreRefused(String name) throws Exception {
        Path file = Files.write(folder.resolve(name), new byte[20]);
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TextualInversionFiles.read(file))
                .withMessageContaining(name)
                .withMessageContaining("can run code");
    }

    @Test
    void whatIsNoTextualInversionIsRefused() {
        refused("one tensor that is named by the token", Map.of("a", row(1, 2), "b", row(1, 2)));
        refused("one tensor that is named by the token", Map.of("clip_l", row(1, 2)));
        refused("[vectors, channels]", Map.of("a", TensorData.of(new float[2], 1, 2, 1)));
        refused("room for 75", Map.of("a", TensorData.of(new float[152], 76, 2)));
        refused("no numbers", Map.of("a", row(1, Float.NaN)));
        refused(
                "2 vectors for the first text encoder, 1 for the second",
                Map.of("clip_l", TensorData.of(new float[4], 2, 2), "clip_g", row(1, 2)));
    }

    @Test
    void aWordOfAnotherBaseIsRefusedWithBothWidths() {
        ModelSource base = ModelSource.open(path("sd15/model"));
        TextualInversionFiles.verify(base, new TextualInversion("<cat>", List.of(new float[32]), null));
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TextualInversionFiles.verify(base, TWO))
                .withMessageContaining("<cat>")
                .withMessageContaining("3 channels, the base's have 32")
                .withMessageContaining("it is for two text encoders, the base has one");
    }

    private void refused(String reason, Map<String, TensorData> tensors) {
        Path file = folder.resolve("bad.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> TextualInversionFiles.read(file))
                .withMessageContaining(file.toString())
                .withMessageContaining(reason);
    }

    private static TensorData row(float... values) {
        return TensorData.of(values, 1, values.length);
    }

    private static void same(TextualInversion actual, TextualInversion expected) {
        assertThat(actual).usingRecursiveComparison().isEqualTo(expected);
    }
}
