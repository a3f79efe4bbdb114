package io.aquatint.diffusion.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/**
 * The vocabulary that all Stable Diffusion models share (OpenAI's CLIP, MIT licence), for files that come without one. Unpacked
 * once a process into a folder that goes away with it.
 */
final class ClipVocabulary {
    /** What Stable Diffusion 1.x and SDXL's first encoder fill a prompt up with. */
    static final String END = "<|endoftext|>";

    /** What OpenCLIP's encoders are filled up with: the token 0. */
    static final String ZERO = "!";

    private ClipVocabulary() {}

    /** A folder that {@code ClipTokenizer} reads. */
    static Path folder(String padToken) {
        return Unpacked.FOLDER.resolve(padToken.equals(ZERO) ? "zero" : "end");
    }

    private static final class Unpacked {
        static final Path FOLDER = unpack();

        private static Path unpack() {
            try {
                Path folder = Files.createTempDirectory("aquatint-clip-");
                Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder), "delete-clip-vocabulary"));
                write(folder.resolve("end"), END);
                write(folder.resolve("zero"), ZERO);
                return folder;
            } catch (IOException e) {
                throw new UncheckedIOException("cannot unpack CLIP's vocabulary: " + e, e);
            }
        }

        private static void write(Path folder, String padToken) throws IOException {
            Files.createDirectory(folder);
            for (String file : List.of("vocab.json", "merges.txt")) {
                try (InputStream in = new GZIPInputStream(Objects.requireNonNull(
                        ClipVocabulary.class.getResourceAsStream("clip-" + file + ".gz"), file))) {
                    Files.copy(in, folder.resolve(file));
                }
            }
            Files.writeString(folder.resolve("tokenizer_config.json"), """
                    {
                      "tokenizer_class": "CLIPTokenizer",
                      "model_max_length": 77,
                      "do_lower_case": true,
                      "bos_token": "<|startoftext|>",
                      "eos_token": "<|endoftext|>",
                      "unk_token": "<|endoftext|>",
                      "pad_token": "%s"
                    }
                    """.formatted(padToken), StandardCharsets.UTF_8);
        }

        private static void delete(Path folder) {
            try (Stream<Path> paths = Files.walk(folder)) {
                for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(path);
                }
            } catch (IOException e) {
                // a temporary folder that stays harms nobody, and the process is ending
                return;
            }
        }
    }
}
