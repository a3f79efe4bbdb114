package io.aquatint.diffusion.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * CLIP's tokenizer: byte pairs over lower-case words, each ending in {@code </w>}, between a begin and an end token. Reads
 * {@code vocab.json}, {@code merges.txt}, {@code tokenizer_config.json} and {@code special_tokens_map.json}, as transformers'
 * CLIPTokenizer does.
 */
public final class ClipTokenizer implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String WORDS =
            "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

    static {
        if (System.getenv("RUST_FLAVOR") == null && System.getProperty("RUST_FLAVOR") == null) {
            System.setProperty(
                    "RUST_FLAVOR", "cpu"); // beside a GPU DJL would download a library that words have no need of
        }
    }

    private final Path folder;
    private final HuggingFaceTokenizer tokenizer;
    private final int maxLength;
    private final long endToken;
    private final long padToken;
    private final Map<Long, Integer> words;

    /** @param words how many ids a new word has, by the first of them */
    private ClipTokenizer(
            Path folder,
            HuggingFaceTokenizer tokenizer,
            int maxLength,
            long endToken,
            long padToken,
            Map<Long, Integer> words) {
        this.folder = folder;
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        this.endToken = endToken;
        this.padToken = padToken;
        this.words = words;
    }

    /**
     * Loads the tokenizer of a model.
     *
     * @param folder holds {@code vocab.json} and {@code merges.txt}
     * @throws CheckpointException if a file is missing or does not fit the others
     */
    public static ClipTokenizer load(Path folder) {
        return load(folder, Map.of(), 0);
    }

    /**
     * The same tokenizer with new words, as diffusers' TextualInversionLoaderMixin adds them: wherever one stands in a text, with
     * or without spaces around it, it becomes its own ids.
     *
     * @param words how many ids each word has, in the order in which they are given out
     * @param firstId the first new id: the size of the text encoder's table
     * @throws CheckpointException if the vocabulary has a word already
     */
    public ClipTokenizer withWords(Map<String, Integer> words, int firstId) {
        return load(folder, words, firstId);
    }

    private static ClipTokenizer load(Path folder, Map<String, Integer> words, int firstId) {
        ObjectNode vocabulary = readObject(folder.resolve("vocab.json"), true);
        JsonNode config = readObject(folder.resolve("tokenizer_config.json"), false);
        JsonNode special = readObject(folder.resolve("special_tokens_map.json"), false);
        if (!config.path("do_lower_case").asBoolean(true)) {
            throw new UnsupportedModelException(
                    folder.resolve("tokenizer_config.json") + ": do_lower_case = false is not supported");
        }
        String begin = specialToken(config, special, "bos_token", "<|startoftext|>");
        String end = specialToken(config, special, "eos_token", "<|endoftext|>");
        String unknown = specialToken(config, special, "unk_token", "<|endoftext|>");
        String pad = specialToken(config, special, "pad_token", "<|endoftext|>");
        for (String token : List.of(begin, end, unknown, pad)) {
            if (!vocabulary.path(token).isIntegralNumber()) {
                throw new CheckpointException(folder.resolve("vocab.json") + " lacks the special token " + token);
            }
        }
        Map<String, Long> ids = new LinkedHashMap<>();
        Map<Long, Integer> counts = new HashMap<>();
        long next = firstId;
        for (Map.Entry<String, Integer> word : words.entrySet()) {
            if (vocabulary.has(word.getKey()) || vocabulary.has(word.getKey() + "</w>")) {
                throw new CheckpointException("%s has the word %s already; a new one needs another name"
                        .formatted(folder.resolve("vocab.json"), word.getKey()));
            }
            ids.put(word.getKey(), next);
            counts.put(next, word.getValue());
            next += word.getValue();
        }
        ids.forEach(vocabulary::put);
        ObjectNode root =
                tokenizerJson(vocabulary, readMerges(folder.resolve("merges.txt")), begin, end, unknown, ids.keySet());
        try {
            byte[] json = JSON.writeValueAsBytes(root);
            HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(json),
                    Map.of("addSpecialTokens", "true", "padding", "false", "truncation", "false"));
            return new ClipTokenizer(
                    folder,
                    tokenizer,
                    maximum(config),
                    vocabulary.path(end).asLong(),
                    vocabulary.path(pad).asLong(),
                    counts);
        } catch (IOException | RuntimeException e) {
            throw new CheckpointException(folder + " holds no CLIP tokenizer: " + e.getMessage(), e);
        }
    }

    private static int maximum(JsonNode config) {
        double length = config.path("model_max_length").asDouble(77);
        return length > 1_000_000 ? 77 : (int) length; // transformers writes 1e30 for "none"
    }

    /** All tokens of a text, begin and end included, however many. */
    public long[] tokenize(String text) {
        long[] ids = tokenizer.encode(text, true, false).getIds();
        if (words.isEmpty()) {
            return ids;
        }
        return Arrays.stream(ids)
                .flatMap(id -> LongStream.range(id, id + words.getOrDefault(id, 1)))
                .toArray();
    }

    /** What the text encoder takes: exactly {@link #maxLength()} tokens, the end cut off or padded. */
    public long[] encode(String text) {
        long[] all = tokenize(text);
        long[] ids = Arrays.copyOf(all, maxLength);
        if (all.length > maxLength) {
            ids[maxLength - 1] = endToken;
        } else {
            Arrays.fill(ids, all.length, maxLength, padToken);
        }
        return ids;
    }

    /** What is left of a text when {@link #encode} has cut off its end; empty where all of it counts. */
    public String cutOff(String text) {
        long[] all = tokenize(text);
        if (all.length <= maxLength) {
            return "";
        }
        long[] ids = Arrays.copyOfRange(all, maxLength - 1, all.length - 1);
        return tokenizer.decode(ids).replace("</w>", " ").strip();
    }

    /** How many tokens the text encoder takes. */
    public int maxLength() {
        return maxLength;
    }

    @Override
    public void close() {
        tokenizer.close();
    }

    /** The same tokenizer in the form of the tokenizers library, as transformers' CLIPConverter writes it. */
    private static ObjectNode tokenizerJson(
            JsonNode vocabulary,
            List<String> merges,
            String begin,
            String end,
            String unknown,
            Collection<String> words) {
        ObjectNode root = JSON.createObjectNode().put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (String token : begin.equals(end) ? List.of(begin) : List.of(begin, end)) {
            added.add(addedToken(vocabulary, token, true));
        }
        words.forEach(word -> added.add(addedToken(vocabulary, word, false)));
        ArrayNode normalizers =
                root.putObject("normalizer").put("type", "Sequence").putArray("normalizers");
        normalizers.addObject().put("type", "NFC");
        ObjectNode spaces = normalizers.addObject().put("type", "Replace").put("content", " ");
        spaces.putObject("pattern").put("Regex", "\\s+");
        normalizers.addObject().put("type", "Lowercase");
        ArrayNode splitters =
                root.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
        ObjectNode split = splitters
                .addObject()
                .put("type", "Split")
                .put("behavior", "Removed")
                .put("invert", true);
        split.putObject("pattern").put("Regex", WORDS);
        splitters
                .addObject()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true);
        ObjectNode processor = root.putObject("post_processor").put("type", "RobertaProcessing");
        processor.putArray("sep").add(end).add(vocabulary.path(end).asLong());
        processor.putArray("cls").add(begin).add(vocabulary.path(begin).asLong());
        processor.put("trim_offsets", false).put("add_prefix_space", false);
        root.putObject("decoder")
                .put("type", "ByteLevel")
                .put("add_prefix_space", true)
                .put("trim_offsets", true);
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.putNull("dropout");
        model.put("unk_token", unknown)
                .put("continuing_subword_prefix", "")
                .put("end_of_word_suffix", "</w>")
                .put("fuse_unk", false);
        model.set("vocab", vocabulary);
        merges.forEach(model.putArray("merges")::add);
        return root;
    }

    private static ObjectNode addedToken(JsonNode vocabulary, String token, boolean special) {
        return JSON.createObjectNode()
                .put("id", vocabulary.path(token).asLong())
                .put("content", token)
                .put("single_word", false)
                .put("lstrip", false)
                .put("rstrip", false)
                .put("normalized", true)
                .put("special", special);
    }

    private static List<String> readMerges(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new CheckpointException(path + " is missing");
        }
        try {
            return Files.readAllLines(path, StandardCharsets.UTF_8).stream()
                    .filter(line -> !line.startsWith("#version") && !line.isBlank())
                    .toList();
        } catch (IOException e) {
            throw new CheckpointException(path + " cannot be read: " + e.getMessage(), e);
        }
    }

    /** A token's text: files give it as a string, or as an object with its content. */
    private static String specialToken(JsonNode config, JsonNode special, String key, String otherwise) {
        for (JsonNode source : List.of(config, special)) {
            JsonNode token = source.path(key);
            if (token.isTextual()) {
                return token.asText();
            }
            if (token.path("content").isTextual()) {
                return token.path("content").asText();
            }
        }
        return otherwise;
    }

    private static ObjectNode readObject(Path path, boolean needed) {
        if (!Files.isRegularFile(path)) {
            if (needed) {
                throw new CheckpointException(path + " is missing");
            }
            return JSON.createObjectNode();
        }
        try {
            if (JSON.readTree(path.toFile()) instanceof ObjectNode root) {
                return root;
            }
            throw new CheckpointException(path + " is not a JSON object");
        } catch (IOException e) {
            throw new CheckpointException(path + " cannot be read: " + e.getMessage(), e);
        }
    }
}
