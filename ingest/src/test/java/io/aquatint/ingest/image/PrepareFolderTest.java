package io.aquatint.ingest.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrepareFolderTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ByteArrayOutputStream console = new ByteArrayOutputStream();

    @Test
    void aFolderBecomesPicturesWithCaptionsAndAReportOfWhatWasRefused(@TempDir Path folder) throws IOException {
        Path in = Files.createDirectory(folder.resolve("in"));
        copy("uploads/plain.jpg", in.resolve("cup.jpg"));
        Files.writeString(in.resolve("cup.txt"), "a cup of coffee\n");
        copy("uploads/alpha.png", in.resolve("cup.png"));
        copy("uploads/plain.jpg", in.resolve("the-same-cup.jpg"));
        copy("bad/truncated.jpg", in.resolve("half.jpg"));
        Files.writeString(in.resolve("metadata.jsonl"), "{\"file_name\": \"cup.png\", \"text\": \"another cup\"}\n");
        Path out = folder.resolve("out");

        PrepareFolder.Report report = new PrepareFolder(
                        TargetSize.square(64), Limits.DEFAULT, new PrintStream(console, true, StandardCharsets.UTF_8))
                .prepare(in, out);

        assertThat(report).isEqualTo(new PrepareFolder.Report(2, 1, 1));
        assertThat(Files.readAllLines(out.resolve("metadata.jsonl")))
                .containsExactly(
                        "{\"file_name\":\"cup.png\",\"text\":\"a cup of coffee\",\"source\":\"cup.jpg\"}",
                        "{\"file_name\":\"cup-2.png\",\"text\":\"a cup of coffee\",\"source\":\"cup.png\"}");
        assertThat(out.resolve("cup.png")).isRegularFile();
        assertThat(out.resolve("cup-2.png")).isRegularFile();
        JsonNode written = JSON.readTree(out.resolve("report.json").toFile());
        assertThat(written.at("/refused/0/source").asText()).isEqualTo("half.jpg");
        assertThat(written.at("/refused/0/reason").asText()).isEqualTo("TRUNCATED");
        assertThat(console.toString(StandardCharsets.UTF_8))
                .contains("refused   half.jpg: TRUNCATED")
                .contains("same      the-same-cup.jpg");
    }

    private static void copy(String resource, Path to) throws IOException {
        try (InputStream in = PrepareFolderTest.class.getResourceAsStream("/images/" + resource)) {
            assertThat(in).as(resource).isNotNull();
            Files.copy(in, to);
        }
    }
}
