package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseModelsTest {
    @TempDir
    Path temporary;

    @Test
    void theDemoModelIsCreatedOnceAndNothingIsLeftBesideIt() throws IOException {
        Path work = temporary.resolve("work");
        Path folder = new BaseModels(work).path("demo");
        Path index = folder.resolve("model_index.json");
        assertThat(index).exists();
        FileTime past = FileTime.from(Instant.parse("2020-01-01T00:00:00Z"));
        Files.setLastModifiedTime(index, past);

        assertThat(new BaseModels(work).path("demo")).isEqualTo(folder);

        assertThat(Files.getLastModifiedTime(index)).isEqualTo(past);
        try (Stream<Path> entries = Files.list(work)) {
            assertThat(entries).containsExactly(folder);
        }
    }

    @Test
    void theDemoModelOfAnotherReleaseIsLeftAlone() throws IOException {
        Path other = Files.createDirectories(temporary.resolve("work").resolve("demo-00000000"));
        Files.writeString(other.resolve("model_index.json"), "{}");

        Path folder = new BaseModels(temporary.resolve("work")).path("demo");

        assertThat(folder).isNotEqualTo(other);
        assertThat(folder.resolve("unet").resolve("diffusion_pytorch_model.safetensors"))
                .isNotEmptyFile();
    }

    @Test
    void aPathIsItsOwnFolder() throws IOException {
        Files.writeString(temporary.resolve("model_index.json"), "{}");
        assertThat(new BaseModels(temporary.resolve("work")).path(temporary.toString()))
                .isEqualTo(temporary);
    }

    @Test
    void aSingleFileIsItsOwnPath() throws IOException {
        Path file = Files.writeString(temporary.resolve("model.safetensors"), "");
        assertThat(new BaseModels(temporary.resolve("work")).path(file.toString()))
                .isEqualTo(file);
    }

    @Test
    void aNameInTheStoreIsFetchedFromThere() throws IOException {
        Path folder = Files.createDirectory(temporary.resolve("fetched"));
        BaseModels models = new BaseModels(temporary, (key, needed) -> {
            assertThat(key).isEqualTo("bases/sd15");
            assertThat(needed.apply(List.of("model_index.json", "README.md", "unet/config.json")))
                    .containsExactlyInAnyOrder("model_index.json", "unet/config.json");
            return Optional.of(folder);
        });
        assertThatThrownBy(() -> models.path("store:bases/sd15"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("no model_index.json");
        Files.writeString(folder.resolve("model_index.json"), "{}");
        assertThat(models.path("store:bases/sd15")).isEqualTo(folder);
    }

    @Test
    void aKeyThatTheStoreHasNotIsNamedWithWhatToDo() {
        assertThatThrownBy(() -> new BaseModels(temporary, (key, needed) -> Optional.empty()).path("store:bases/sd15"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("no object 'bases/sd15' and none below it")
                .hasMessageContaining("put a single .safetensors file there");
    }

    @Test
    void aNameInTheStoreNeedsAStore() {
        assertThatThrownBy(() -> new BaseModels(temporary).path("store:bases/sd15"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("there is none here");
    }

    @Test
    void anUnknownNameIsRefusedWithWhatToDo() {
        assertThatThrownBy(() -> new BaseModels(temporary).path("sd-2000"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("sd-2000")
                .hasMessageContaining("diffusers layout");
    }
}
