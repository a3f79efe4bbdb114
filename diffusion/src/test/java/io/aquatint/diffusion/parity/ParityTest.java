package io.aquatint.diffusion.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.Golden;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParityTest {
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final ByteArrayOutputStream reasons = new ByteArrayOutputStream();

    @TempDir
    Path folder = Path.of("");

    @Test
    void stableDiffusionComputesWhatDiffusersComputes() throws IOException {
        Files.createDirectory(folder.resolve("cases"));
        Files.createSymbolicLink(folder.resolve("model"), Golden.path("sd15/model"));
        for (String name : List.of(
                "lr-schedules.json",
                "noise-schedule.safetensors",
                "sampler-ddim.safetensors",
                "sampler-dpmpp_2m.safetensors",
                "sampler-dpmpp_2m_karras.safetensors",
                "sampler-euler.safetensors",
                "text-encoder.safetensors",
                "text2img.safetensors",
                "tokenizer-tiny.json",
                "unet.safetensors",
                "vae.safetensors")) {
            Files.copy(
                    Golden.path("sd15/cases/" + name), folder.resolve("cases").resolve(name));
        }

        int exit = run(folder);

        assertThat(reasons.toString(StandardCharsets.UTF_8)).isEmpty();
        assertThat(lines().subList(0, 11)).allMatch(line -> line.matches("[a-z0-9_-]+ \\S+ ok"));
        assertThat(lines().get(11)).isEqualTo("11 ok, 0 failed, 0 unsupported");
        assertThat(exit).isZero();
    }

    @Test
    void theFullVocabularyOfClipTokenizesAsTransformersDoes() {
        assertThat(run(Golden.path("tokenizer"))).isZero();
        assertThat(lines()).containsExactly("tokenizer-clip 0.00 ok", "1 ok, 0 failed, 0 unsupported");
    }

    @Test
    void anUnknownAndABrokenCaseGetTheirLinesAndReasons() throws IOException {
        Files.createDirectory(folder.resolve("cases"));
        Files.copy(Golden.path("sd15/cases/sampler-ddim.safetensors"), folder.resolve("cases/sampler-new.safetensors"));
        Files.copy(Golden.path("sd15/cases/unet.safetensors"), folder.resolve("cases/unet.safetensors"));
        Files.copy(Golden.path("sd15/cases/lr-schedules.json"), folder.resolve("cases/lr-schedules.json"));

        int exit = run(folder);

        assertThat(exit).isOne();
        assertThat(lines().get(0)).matches("lr-schedules \\S+ ok");
        assertThat(lines().subList(1, 4))
                .containsExactly("sampler-new - unsupported", "unet - FAILED", "1 ok, 1 failed, 1 unsupported");
        assertThat(reasons.toString(StandardCharsets.UTF_8)).contains("the sampler new", "no folder model");
    }

    @Test
    void aFolderWithoutCasesIsRefused() {
        assertThat(run(folder)).isOne();
        assertThat(reasons.toString(StandardCharsets.UTF_8)).contains("has no folder cases");
    }

    private int run(Path directory) {
        return ParityRunner.run(
                directory,
                new PrintStream(output, true, StandardCharsets.UTF_8),
                new PrintStream(reasons, true, StandardCharsets.UTF_8));
    }

    private List<String> lines() {
        return output.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
