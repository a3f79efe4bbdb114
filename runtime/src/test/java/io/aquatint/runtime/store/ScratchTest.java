package io.aquatint.runtime.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchTest {
    @TempDir
    Path work = Path.of("");

    @Test
    void aFolderIsGoneWithItsJob() throws IOException {
        try (Scratch scratch = new Scratch(work)) {
            Files.writeString(scratch.file("a"), "a");
            assertThat(scratch.folder()).isDirectoryContaining("glob:**a");
        }
        assertThat(inScratch()).isZero();
    }

    @Test
    void theFoldersOfOtherJobsOfThisProcessStay() throws IOException {
        try (Scratch first = new Scratch(work)) {
            Files.writeString(first.file("a"), "a");
            new Scratch(work).close();
            assertThat(first.file("a")).exists();
        }
    }

    @Test
    void whatAKilledProcessLeftIsRemovedWhileOneThatLivesKeepsItsOwn() throws Exception {
        Process other = otherProcess();
        Path folder = Path.of(other.inputReader().readLine());
        new Scratch(work).close();
        assertThat(folder.resolve("file")).exists();

        other.destroyForcibly();
        assertThat(other.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(folder.resolve("file")).exists();
        new Scratch(work).close();
        assertThat(folder).doesNotExist();
        assertThat(inScratch()).isZero();
    }

    private Process otherProcess() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Waiting.class.getName(),
                        work.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    /** Makes a folder with a file, says where it is, and waits to be killed. */
    static final class Waiting {
        private Waiting() {}

        public static void main(String[] arguments) throws Exception {
            Scratch scratch = new Scratch(Path.of(arguments[0]));
            Files.writeString(scratch.file("file"), "left");
            System.out.println(scratch.folder());
            Thread.sleep(Duration.ofMinutes(5).toMillis());
        }
    }

    @Test
    void aFolderWithoutALockIsRemovedWhenItIsOld() throws IOException {
        Path young = Files.createDirectories(work.resolve("scratch/job-young"));
        Path old = Files.createDirectories(work.resolve("scratch/job-old"));
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofDays(2))));
        Path other = Files.createDirectories(work.resolve("scratch/not-ours"));
        Files.setLastModifiedTime(other, FileTime.from(Instant.now().minus(Duration.ofDays(2))));
        new Scratch(work).close();
        assertThat(young).exists();
        assertThat(old).doesNotExist();
        assertThat(other).exists();
    }

    @Test
    void whatIsLeftCanBeRemovedBeforeThereIsAJob() throws Exception {
        Process other = otherProcess();
        Path folder = Path.of(other.inputReader().readLine());
        Scratch.sweepLeft(work);
        assertThat(folder.resolve("file")).exists();

        other.destroyForcibly();
        assertThat(other.waitFor(30, TimeUnit.SECONDS)).isTrue();
        Scratch.sweepLeft(work);
        assertThat(inScratch()).isZero();
    }

    @Test
    void whereNoJobEverWasThereIsNothingToRemove() {
        Scratch.sweepLeft(work.resolve("nowhere"));
        assertThat(work.resolve("nowhere")).doesNotExist();
    }

    private long inScratch() throws IOException {
        try (Stream<Path> paths = Files.list(work.resolve("scratch"))) {
            return paths.count();
        }
    }
}
