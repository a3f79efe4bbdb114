package io.aquatint.diffusion.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Textual inversions as other tools keep them. Diffusers: a tensor [vectors, channels] named by the token, for the second text
 * encoder of Stable Diffusion XL in a file of its own ({@code learned_embeds.safetensors}, {@code learned_embeds_2.safetensors}).
 * A1111 and ComfyUI: {@code emb_params}, for Stable Diffusion XL {@code clip_l} and {@code clip_g}, in a file that is named by
 * the token. Pickled files ({@code .pt}, {@code .bin}) are refused.
 */
public final class TextualInversionFiles {
    /** The name that diffusers looks for in a folder. */
    public static final String DIFFUSERS_NAME = "learned_embeds.safetensors";

    private static final String STEM = "learned_embeds";
    private static final String EXTENSION = ".safetensors";
    private static final String PARAMETERS = "emb_params";
    private static final String FIRST = "clip_l";
    private static final String SECOND = "clip_g";

    /** Tokens of a prompt besides its begin and end. */
    private static final int MOST_VECTORS = 75;

    private TextualInversionFiles() {}

    /** The tensors of a file, before they are one word. */
    private record Content(
            @Nullable String token,
            List<float[]> vectors,
            @Nullable List<float[]> secondVectors) {}

    /** As {@link #read(Path, String)}, with the token that the file names, else the file's own name. */
    public static TextualInversion read(Path path) {
        return read(path, null);
    }

    /**
     * Reads a word: a file of either form, with the second file of diffusers' beside it, or a folder with diffusers' names.
     *
     * @param token what stands for it in prompts, whatever the file says; null for what the file says
     * @throws CheckpointException if the file is pickled, is no textual inversion, or has vectors that cannot be used
     */
    public static TextualInversion read(Path path, @Nullable String token) {
        Path file = Files.isDirectory(path) ? fileIn(path) : path;
        Content content = content(file);
        List<float[]> secondVectors = content.secondVectors();
        Path second = file.resolveSibling(secondName(file.getFileName().toString()));
        if (secondVectors == null && Files.isRegularFile(second)) {
            Content beside = content(second);
            String expected = String.valueOf(content.token());
            if (!expected.equals(beside.token())) {
                throw new CheckpointException("%s is of the word %s, %s of %s: they belong to different words"
                        .formatted(file, expected, second.getFileName(), beside.token()));
            }
            secondVectors = beside.vectors();
        }
        String named = token != null ? token : content.token() != null ? content.token() : stem(file);
        try {
            return new TextualInversion(named, content.vectors(), secondVectors);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file + ": " + e.getMessage(), e);
        }
    }

    private static Path fileIn(Path folder) {
        if (Files.isRegularFile(folder.resolve(DIFFUSERS_NAME))) {
            return folder.resolve(DIFFUSERS_NAME);
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file -> file.toString().endsWith(EXTENSION)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e, e);
        }
        if (files.size() != 1) {
            throw new CheckpointException("%s has no %s and %s other safetensors files; name the file"
                    .formatted(folder, DIFFUSERS_NAME, files.isEmpty() ? "no" : files.size()));
        }
        return files.get(0);
    }

    /** How the tensors are named. */
    public enum Form {
        DIFFUSERS,
        A1111
    }

    /** Whether the tensors are named and shaped as those of a word. */
    static boolean isOne(TensorSource tensors) {
        Set<String> names = tensors.names();
        if (names.equals(Set.of(FIRST, SECOND)) || names.equals(Set.of(PARAMETERS))) {
            return true;
        }
        return names.size() == 1
                && names.stream().allMatch(name -> {
                    List<Long> shape = tensors.info(name).shape();
                    return shape.size() == 2 && shape.get(0) <= MOST_VECTORS;
                });
    }

    static Form form(TensorSource tensors) {
        return tensors.names().contains(PARAMETERS) || tensors.names().contains(FIRST) ? Form.A1111 : Form.DIFFUSERS;
    }

    private static Content content(Path file) {
        SafetensorsFile tensors = Pickled.refuseOrOpen(file);
        Set<String> names = tensors.names();
        if (names.equals(Set.of(FIRST, SECOND))) {
            return new Content(null, vectors(tensors, FIRST), vectors(tensors, SECOND));
        }
        if (names.size() != 1 || names.contains(FIRST) || names.contains(SECOND)) {
            throw new CheckpointException(
                    "%s is no textual inversion: it has %s, not one tensor that is named by the token,"
                                    .formatted(file, Problems.summary(List.copyOf(names)))
                            + " not " + PARAMETERS + ", and not " + FIRST + " and " + SECOND);
        }
        String name = names.iterator().next();
        return new Content(name.equals(PARAMETERS) ? null : name, vectors(tensors, name), null);
    }

    private static List<float[]> vectors(SafetensorsFile file, String name) {
        TensorInfo info = file.info(name);
        int dimensions = info.shape().size();
        if (dimensions < 1 || dimensions > 2 || info.elements() == 0) {
            throw new SafetensorsException(
                    file.path(),
                    name,
                    "has the shape " + info.shape() + ": no textual inversion, which is [vectors, channels]");
        }
        long count = dimensions == 1 ? 1 : info.shape().get(0);
        if (count > MOST_VECTORS) {
            throw new SafetensorsException(
                    file.path(), name, "has " + count + " vectors, but a prompt has room for " + MOST_VECTORS);
        }
        if (!info.dtype().isFloatingPoint()) {
            throw new SafetensorsException(file.path(), name, "has the type " + info.dtype() + ": no vectors");
        }
        float[] values = file.read(name).toFloats();
        for (float value : values) {
            if (!Float.isFinite(value)) {
                throw new SafetensorsException(file.path(), name, "holds values that are no numbers");
            }
        }
        int width = Math.toIntExact(info.elements() / count);
        List<float[]> vectors = new ArrayList<>();
        for (int row = 0; row < count; row++) {
            vectors.add(Arrays.copyOfRange(values, row * width, (row + 1) * width));
        }
        return vectors;
    }

    /** Diffusers' name of the file for the second text encoder. */
    private static String secondName(String first) {
        if (first.startsWith(STEM)) {
            return STEM + "_2" + first.substring(STEM.length());
        }
        return first.replaceFirst("\\.safetensors$", "_2.safetensors");
    }

    private static String stem(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(EXTENSION) ? name.substring(0, name.length() - EXTENSION.length()) : name;
    }

    /**
     * Writes diffusers' form: the given file, and for Stable Diffusion XL the second beside it, {@code learned_embeds_2}.
     *
     * @return the files
     */
    public static List<Path> writeDiffusers(Path file, TextualInversion word, Map<String, String> metadata) {
        List<float[]> secondVectors = word.secondVectors();
        write(file, Map.of(word.token(), tensor(word.vectors())), metadata);
        if (secondVectors == null) {
            return List.of(file);
        }
        Path second = file.resolveSibling(secondName(file.getFileName().toString()));
        write(second, Map.of(word.token(), tensor(secondVectors)), metadata);
        return List.of(file, second);
    }

    /** Writes A1111's and ComfyUI's form. They take the file's name for the token. */
    public static void writeA1111(Path file, TextualInversion word, Map<String, String> metadata) {
        List<float[]> secondVectors = word.secondVectors();
        TensorData first = tensor(word.vectors());
        write(
                file,
                secondVectors == null ? Map.of(PARAMETERS, first) : Map.of(FIRST, first, SECOND, tensor(secondVectors)),
                metadata);
    }

    private static TensorData tensor(List<float[]> vectors) {
        int width = vectors.get(0).length;
        float[] values = new float[vectors.size() * width];
        for (int row = 0; row < vectors.size(); row++) {
            System.arraycopy(vectors.get(row), 0, values, row * width, width);
        }
        return TensorData.of(values, vectors.size(), width);
    }

    private static void write(Path file, Map<String, TensorData> tensors, Map<String, String> metadata) {
        Map<String, String> header = new TreeMap<>(metadata);
        header.put("format", "pt");
        SafetensorsWriter.write(file, tensors, header);
    }

    /**
     * Checks a word against the text encoders of a base model.
     *
     * @throws CheckpointException if it has vectors for too many or too few text encoders, or of other widths
     */
    public static void verify(ModelSource base, TextualInversion word) {
        List<String> problems = new ArrayList<>();
        verify(base, "text_encoder", word.vectors(), problems);
        List<float[]> secondVectors = word.secondVectors();
        if (secondVectors != null && !base.has("text_encoder_2")) {
            problems.add("it is for two text encoders, the base has one");
        } else if (secondVectors == null && base.has("text_encoder_2")) {
            problems.add("it has no vectors for the base's second text encoder");
        } else if (secondVectors != null) {
            verify(base, "text_encoder_2", secondVectors, problems);
        }
        if (!problems.isEmpty()) {
            throw new CheckpointException("the textual inversion %s does not fit %s: %s"
                    .formatted(word.token(), base.path(), String.join("; ", problems)));
        }
    }

    private static void verify(ModelSource base, String encoder, List<float[]> vectors, List<String> problems) {
        int width = base.config(encoder).integer("hidden_size");
        int found = vectors.get(0).length;
        if (found != width) {
            problems.add(
                    "its vectors for the %s have %d channels, the base's have %d".formatted(encoder, found, width));
        }
    }
}
