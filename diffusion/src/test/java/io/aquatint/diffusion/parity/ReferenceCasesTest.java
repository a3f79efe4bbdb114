package io.aquatint.diffusion.parity;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.Golden;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What diffusers computes where the golden files say too little; see {@code reference/README.md}. */
class ReferenceCasesTest {
    private final ByteArrayOutputStream reasons = new ByteArrayOutputStream();

    @TempDir
    Path folder = Path.of("");

    @Test
    void everyWayOfTrainingEndsWhereDiffusersEnds() throws IOException, URISyntaxException {
        assertThat(lines("sd15"))
                .hasSize(10)
                .contains("9 ok, 0 failed, 0 unsupported")
                .allMatch(line -> line.matches("[a-z0-9_-]+ \\S+ ok") || line.startsWith("9 ok"));
        assertThat(reasons.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    private List<String> lines(String model) throws IOException, URISyntaxException {
        Files.createSymbolicLink(folder.resolve("model"), Golden.path(model + "/model"));
        Files.createSymbolicLink(folder.resolve("lora"), Golden.path(model + "/lora"));
        Path cases = Path.of(ReferenceCasesTest.class
                .getResource("/reference/" + model + "/cases")
                .toURI());
        Files.createSymbolicLink(folder.resolve("cases"), cases);
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        ParityRunner.run(
                folder,
                new PrintStream(output, true, StandardCharsets.UTF_8),
                new PrintStream(reasons, true, StandardCharsets.UTF_8));
        return output.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
