package io.aquatint.pretraining;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;

/**
 * The drawings that the pictures are composed of: Google's Noto emoji (Apache-2.0), 64 pixels a side, from the npm package
 * {@code emoji-datasource-google}. Fetched once with the user's own npm and kept as one file, [64, 64, 4] bytes a subject.
 */
record EmojiArtwork(List<Subject> subjects, Map<String, Sprite> sprites) {
    static final String PACKAGE = "emoji-datasource-google@16.0.0";

    private static final int SIDE = 64;

    /** Reads the file, which is fetched and written first where it is not there. */
    static EmojiArtwork at(Path file) throws IOException, InterruptedException {
        if (!Files.exists(file)) {
            Path folder = Files.createTempDirectory("aquatint-emoji-");
            try {
                install(folder);
                collect(folder.resolve("node_modules").resolve(PACKAGE.substring(0, PACKAGE.indexOf('@'))), file);
            } finally {
                delete(folder);
            }
        }
        return read(file);
    }

    Sprite sprite(Subject subject) {
        Sprite sprite = sprites.get(subject.key());
        if (sprite == null) {
            throw new IllegalArgumentException("there is no drawing of " + subject.key());
        }
        return sprite;
    }

    private static void install(Path folder) throws IOException, InterruptedException {
        Process npm;
        try {
            npm = new ProcessBuilder(
                            "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException e) {
            throw new IOException("the emoji are fetched with npm, which cannot be run: install Node.js", e);
        }
        int status = npm.waitFor();
        if (status != 0) {
            throw new IOException("npm install %s ended with status %d: is there a network? Try it by hand"
                    .formatted(PACKAGE, status));
        }
    }

    /** Picks the subjects' drawings out of the unpacked package. */
    static void collect(Path unpacked, Path file) throws IOException {
        Map<String, String> images = new HashMap<>();
        for (JsonNode emoji :
                new ObjectMapper().readTree(unpacked.resolve("emoji.json").toFile())) {
            for (JsonNode name : emoji.path("short_names")) {
                images.put(name.asText(), emoji.path("image").asText());
            }
        }
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (Subject subject : Subject.all()) {
            String image = images.get(subject.key());
            if (image == null) {
                throw new IOException(PACKAGE + " has no emoji named " + subject.key());
            }
            BufferedImage drawing = ImageIO.read(
                    unpacked.resolve("img/google/64").resolve(image).toFile());
            tensors.put(subject.key(), rgba(drawing));
        }
        SafetensorsWriter.write(file, tensors, Map.of("source", PACKAGE, "licence", "Noto Emoji, Apache-2.0, Google"));
    }

    private static TensorData rgba(BufferedImage drawing) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * SIDE * SIDE);
        for (int i = 0; i < SIDE * SIDE; i++) {
            int argb = drawing.getRGB(i % SIDE, i / SIDE);
            bytes.put((byte) (argb >> 16))
                    .put((byte) (argb >> 8))
                    .put((byte) argb)
                    .put((byte) (argb >> 24));
        }
        return new TensorData(TensorInfo.of(DType.U8, SIDE, SIDE, 4), bytes.flip());
    }

    private static EmojiArtwork read(Path file) {
        SafetensorsFile artwork = SafetensorsFile.open(file);
        Map<String, Sprite> sprites = new LinkedHashMap<>();
        List<Subject> subjects = Subject.all();
        for (Subject subject : subjects) {
            if (!artwork.names().contains(subject.key())) {
                throw new CheckpointException(
                        "%s has no drawing of %s: delete it, and it is fetched again".formatted(file, subject.key()));
            }
            byte[] rgba = new byte[4 * SIDE * SIDE];
            artwork.read(subject.key()).bytes().get(0, rgba);
            sprites.put(subject.key(), Sprite.of(SIDE, rgba));
        }
        return new EmojiArtwork(subjects, sprites);
    }

    private static void delete(Path folder) throws IOException {
        try (var paths = Files.walk(folder)) {
            paths.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
        }
    }
}
