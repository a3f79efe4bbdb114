package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The memory that loading takes: what the process has of its own at its peak, besides pages of the mapped files, which the system
 * may take back. {@link #main} measures the same at full size.
 */
class LoadMemoryTest {
    @TempDir
    Path folder = Path.of("");

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "the memory of a process is read from /proc")
    void aModelInFloat16TakesLittleMoreMemoryThanItsFilesAreLong() throws Exception {
        Path model = TinyModels.stableDiffusion1(folder.resolve("model"), 4);
        Path said = folder.resolve("said.txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xms128m",
                        "-Xmx128m",
                        "-XX:+AlwaysPreTouch", // what the virtual machine takes for itself is not to be counted: its
                        // heap,
                        "-XX:+UseSerialGC", // what its collector
                        "-XX:TieredStopAtLevel=1", // and what its compiler needs
                        "-cp",
                        System.getProperty("java.class.path"),
                        LoadMemoryTest.class.getName(),
                        model.toString())
                .redirectOutput(said.toFile())
                .redirectErrorStream(true)
                .start();
        assertThat(process.waitFor()).as(Files.readString(said)).isZero();
        Matcher share = Pattern.compile("([0-9.]+) times").matcher(Files.readString(said));
        assertThat(share.find()).isTrue();
        assertThat(Double.parseDouble(share.group(1))).isBetween(0.9, 1.2);
    }

    /** Prints the memory that loading in float16 takes at its peak, as a multiple of the size of the weights. */
    private static void measure(Path model) throws IOException {
        StableDiffusion.load(ModelSource.open(Golden.path("sd15/model")), Precision.FP16)
                .close(); // what the engine itself takes, once
        System.gc();
        long before = ownMemory();
        long[] peak = {before};
        long start = System.nanoTime();
        StableDiffusion.load(
                        ModelSource.open(model),
                        Precision.FP16,
                        (read, total) -> peak[0] = Math.max(peak[0], ownMemory()))
                .close();
        double seconds = (System.nanoTime() - start) / 1e9;
        long weights = weights(model);
        System.out.printf(
                Locale.ROOT,
                "weights %,d MB, memory while loading in float16 %,d MB: %.3f times, in %.1f s%n",
                weights / 1_000_000,
                (peak[0] - before) / 1_000_000,
                (double) (peak[0] - before) / weights,
                seconds);
    }

    private static long weights(Path model) throws IOException {
        try (Stream<Path> files = Files.walk(model)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }

    /** In bytes, pages of files left out. */
    private static long ownMemory() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith("RssAnon:"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Measures Stable Diffusion 1.5 at full size, with random weights. The first run writes them and needs {@code -Xmx4g}; then
     * {@code -Xmx256m} is enough.
     *
     * @param arguments a folder
     */
    public static void main(String[] arguments) throws IOException {
        Path model = Path.of(arguments[0]);
        if (Files.exists(model)) {
            measure(model);
        } else {
            TinyModels.stableDiffusion1(model, 1);
        }
    }
}
