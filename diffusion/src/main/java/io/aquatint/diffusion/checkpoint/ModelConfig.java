package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** A {@code config.json}, read with errors that name the file and the key. */
public final class ModelConfig {
    private static final int MOST_LAYERS = 1000;
    private static final ObjectMapper JSON = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

    private final Path path;
    private final JsonNode root;

    private ModelConfig(Path path, JsonNode root) {
        this.path = path;
        this.root = root;
    }

    /** @throws CheckpointException if there is no such file or it is not a JSON object */
    public static ModelConfig read(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new CheckpointException(path + " is missing: this is no whole diffusers folder");
        }
        try {
            JsonNode root = JSON.readTree(path.toFile());
            if (!root.isObject()) {
                throw new CheckpointException(path + " is not a JSON object");
            }
            return new ModelConfig(path, root);
        } catch (IOException e) {
            throw new CheckpointException(path + " cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * A config that no file holds.
     *
     * @param path stands in messages: what it was derived of
     */
    static ModelConfig derived(Path path, ObjectNode root) {
        return new ModelConfig(path, root);
    }

    /** As a file has it. */
    public byte[] toJson() {
        try {
            return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    JsonNode root() {
        return root;
    }

    JsonNode value(String key) {
        return root.path(key);
    }

    public boolean has(String key) {
        return !root.path(key).isMissingNode() && !root.path(key).isNull();
    }

    /** Whether it is there, and says that there is none. */
    public boolean isNull(String key) {
        return root.path(key).isNull();
    }

    public String text(String key, String otherwise) {
        return has(key) ? root.path(key).asText() : otherwise;
    }

    public boolean flag(String key, boolean otherwise) {
        check(!has(key) || root.path(key).isBoolean(), key, "true or false");
        return has(key) ? root.path(key).asBoolean() : otherwise;
    }

    public double number(String key, double otherwise) {
        check(!has(key) || root.path(key).isNumber(), key, "a number");
        return has(key) ? root.path(key).asDouble() : otherwise;
    }

    /** A whole number that must be there. */
    public int integer(String key) {
        check(isInteger(root.path(key)), key, "a whole number");
        return root.path(key).asInt();
    }

    /** Refuses channels that are not so many equal parts, one or more of them. */
    public void checkDivides(String key, int parts, String ofKey, Collection<Integer> channels) {
        check(
                parts > 0 && channels.stream().allMatch(count -> count > 0 && count % parts == 0),
                key,
                "a divisor of %s, %s".formatted(ofKey, channels));
    }

    private void check(boolean right, String key, String expected) {
        if (!right) {
            throw new CheckpointException(
                    "%s: %s is %s, but must be %s".formatted(path, key, root.path(key), expected));
        }
    }

    private static boolean isInteger(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToInt();
    }

    /** How many layers: a whole number that no network is too large for, whatever a file says. */
    public int layers(String key, int otherwise) {
        return checkedLayers(key, integer(key, otherwise));
    }

    /** {@link #layers} of each block, or one number for all {@code count}. */
    public List<Integer> layersOfBlocks(String key, int count) {
        List<Integer> layers = integers(key, count);
        layers.forEach(number -> checkedLayers(key, number));
        return layers;
    }

    private int checkedLayers(String key, int number) {
        check(number >= 0 && number <= MOST_LAYERS, key, "0 to " + MOST_LAYERS);
        return number;
    }

    public int integer(String key, int otherwise) {
        return has(key) ? integer(key) : otherwise;
    }

    /** A list of whole numbers, or one that stands for all {@code count}. */
    public List<Integer> integers(String key, int count) {
        JsonNode node = root.path(key);
        List<Integer> values = new ArrayList<>();
        check(isInteger(node) || node.isArray(), key, "a whole number, or a list of them");
        if (isInteger(node)) {
            for (int i = 0; i < count; i++) {
                values.add(node.asInt());
            }
            return values;
        }
        for (JsonNode item : node) {
            if (!isInteger(item)) {
                throw new CheckpointException(
                        "%s: %s has the element %s, which is no whole number".formatted(path, key, item));
            }
            values.add(item.asInt());
        }
        if (values.size() != count) {
            throw new CheckpointException(
                    "%s: %s has %d elements, but %d blocks".formatted(path, key, values.size(), count));
        }
        return values;
    }

    /** A list of names that must be there. */
    public List<String> texts(String key) {
        List<String> values = new ArrayList<>();
        root.path(key).forEach(item -> values.add(item.asText()));
        if (values.isEmpty()) {
            throw new CheckpointException("%s: %s is missing".formatted(path, key));
        }
        return values;
    }

    /** Whether the value is a list, and no single number or word. */
    public boolean isList(String key) {
        return root.path(key).isArray();
    }

    /** How many elements a list has. */
    public int size(String key) {
        return root.path(key).size();
    }

    /** Refuses every value but the one that is implemented; absent is fine. */
    public void supports(String key, Object only) {
        JsonNode node = root.path(key);
        boolean same;
        if (node.isMissingNode() || node.isNull()) {
            same = true;
        } else if (only instanceof Number number && node.isNumber()) {
            same = node.asDouble() == number.doubleValue();
        } else {
            same = node.asText().equals(only.toString());
        }
        if (!same) {
            throw unsupported(key);
        }
    }

    /** Refuses any value at all. */
    public void supportsNo(String key) {
        if (has(key)) {
            throw unsupported(key);
        }
    }

    /** The value of this key is not implemented. */
    public UnsupportedModelException unsupported(String key) {
        return new UnsupportedModelException("%s: %s = %s is not supported".formatted(path, key, root.path(key)));
    }

    /** The value of this key is not implemented where it stands. */
    UnsupportedModelException unsupported(String key, String where) {
        return new UnsupportedModelException(
                "%s: %s = %s %s is not supported".formatted(path, key, root.path(key), where));
    }

    public Path path() {
        return path;
    }
}
