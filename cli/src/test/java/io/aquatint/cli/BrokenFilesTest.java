package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that lie, broke off or are of another kind: each command refuses each in one line that names it. */
class BrokenFilesTest extends LocalFilesFixture {
    @ParameterizedTest
    @ValueSource(strings = {"inspect", "convert", "resize", "merge", "base"})
    void brokenFilesAreRefusedInOneLineThatNamesThem(String command) throws IOException {
        for (Path file : brokenFiles()) {
            Path out = folder.resolve("out");
            int code =
                    switch (command) {
                        case "inspect" -> run("inspect", file);
                        case "convert" -> run("convert", file, "-o", out);
                        case "resize" -> run("resize", file, "--rank", 2, "-o", out);
                        case "base" -> run("merge", kohya("ok.safetensors", adapters(2, 1)), "--base", file, "-o", out);
                        default -> run("merge", file, "-o", out);
                    };
            assertThat(code).as(complained).isEqualTo(1);
            assertOneLine(file.toString());
            assertThat(out).doesNotExist();
        }
    }

    private List<Path> brokenFiles() throws IOException {
        byte[] valid = Files.readAllBytes(kohya("valid.safetensors", adapters(4, 1)));
        List<Path> files = new ArrayList<>();
        files.add(folder.resolve("missing.safetensors"));
        files.add(broken("empty", new byte[0]));
        files.add(broken("truncated", Arrays.copyOf(valid, valid.length - 5)));
        files.add(broken("cut-in-header", Arrays.copyOf(valid, 100)));
        files.add(broken("longer", Arrays.copyOf(valid, valid.length + 5)));
        files.add(broken(
                "petabyte",
                ByteBuffer.allocate(100)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0, 1_000_000_000_000_000L)
                        .array()));
        files.add(broken(
                "negative",
                ByteBuffer.allocate(100)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0, -1)
                        .array()));
        files.add(header("no-json", "{{"));
        files.add(header("overlap", entries("[0,4]", "[2,6]")));
        files.add(header("gap", entries("[0,4]", "[6,10]")));
        files.add(header("float8", entries("[0,4]", "[4,8]").replaceFirst("F32", "F8_E5M2")));
        files.add(header(
                "huge-shape", entries("[0,4]", "[4,8]").replaceFirst("\\[1\\]", "[1000000000000,1000000000000]")));
        files.add(header("escapes", "{\"\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}"));
        for (String pickled : List.of("model.ckpt", "pytorch_model.bin", "embedding.pt")) {
            files.add(Files.write(folder.resolve(pickled), new byte[64]));
        }
        byte[] zip = new byte[64];
        System.arraycopy(new byte[] {'P', 'K', 3, 4}, 0, zip, 0, 4);
        files.add(broken("zip", zip));
        files.add(tensors(
                "integers",
                Map.of("lora_unet_x.lora_down.weight", integers(), "lora_unet_x.lora_up.weight", integers())));
        files.add(tensors("alone", Map.of("lora_unet_x.lora_down.weight", floats(4))));
        files.add(Files.createDirectories(folder.resolve("empty-folder")));
        return files;
    }

    private Path broken(String name, byte[] bytes) throws IOException {
        return Files.write(folder.resolve(name + ".safetensors"), bytes);
    }

    private Path header(String name, String json) throws IOException {
        byte[] text = json.getBytes(StandardCharsets.UTF_8);
        return broken(
                name,
                ByteBuffer.allocate(8 + text.length + 8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(text.length)
                        .put(text)
                        .array());
    }

    private static String entries(String first, String second) {
        return """
                {"a":{"dtype":"F32","shape":[1],"data_offsets":%s},"b":{"dtype":"F32","shape":[1],"data_offsets":%s}}""".formatted(first, second);
    }
}
