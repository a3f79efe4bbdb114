package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class FailuresTest {
    @Test
    void aPathAloneIsNoReason() {
        assertThat(Failures.sentence(new NoSuchFileException("/proc/out")))
                .isEqualTo("/proc/out: there is no such file or folder, and it cannot be made");
        assertThat(Failures.sentence(new UncheckedIOException(new FileAlreadyExistsException("cat.jpg"))))
                .isEqualTo("cat.jpg: it is there already, and is no folder");
    }

    @Test
    void aFullDiskIsNamed() {
        IOException full = new FileSystemException("out/a.png", null, "No space left on device");

        assertThat(Failures.sentence(full)).isEqualTo("out/a.png: No space left on device");
        assertThat(Failures.sentence(new UncheckedIOException("cannot write out/a.safetensors: " + full, full)))
                .isEqualTo("cannot write out/a.safetensors: out/a.png: No space left on device");
    }

    @Test
    void whatTakesTooMuchMemoryIsToldHowToHaveMore() {
        assertThat(Failures.sentence(new IllegalStateException(new OutOfMemoryError("Java heap space"))))
                .contains("not enough memory (Java heap space)", "-Xmx4g");
    }

    @Test
    void aClassOfTheRuntimeTellsAPersonNothing() {
        assertThat(Failures.sentence(new UncheckedIOException(new IOException("a.txt is no text in UTF-8"))))
                .isEqualTo("a.txt is no text in UTF-8");
    }
}
