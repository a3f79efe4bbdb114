package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseModelsTest {
    @TempDir
    Path temporary;

    @Test
    void theDemoModelIsCreatedOnceAndNothingIsLeftBesideIt() throws IOException {
        Path work = temporary.resolve("work");
        Path folder = new BaseModels(work).folder("demo");
        Path index = folder.resolve("model_index.json");
        assertThat(index).exists();
        FileTime past = FileTime.from(Instant.parse("2020-01-01T00:00:00Z"));
        Files.setLastModifiedTime(index, past);

        assertThat(new BaseModels(work).folder("demo")).isEqualTo(folder);

        assertThat(Files.getLastModifiedTime(index)).isEqualTo(past);
        try (Stream<Path> entries = Files.list(work)) {
            assertThat(entries).containsExactly(folder);
        }
    }

    @Test
    void aPathIsItsOwnFolder() throws IOException {
        Files.writeString(temporary.resolve("model_index.json"), "{}");
        assertThat(new BaseModels(temporary.resolve("work")).folder(temporary.toString()))
                .isEqualTo(temporary);
    }

    @Test
    void anUnknownNameIsRefusedWithWhatToDo() {
        assertThatThrownBy(() -> new BaseModels(temporary).folder("sd-2000"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("sd-2000")
                .hasMessageContaining("diffusers layout");
    }
}
