package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A safetensors file: 8 bytes of header length, a JSON header, the tensors. The header is checked whole when the file is opened;
 * tensors are mapped into memory when they are read and never copied to the heap.
 */
public final class SafetensorsFile implements TensorSource {
    private static final int LONGEST_HEADER = 100_000_000;
    private static final ObjectMapper JSON =
            JsonMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();

    private record Entry(String name, TensorInfo info, long begin, long end) {}

    private final Path path;
    private final Map<String, Entry> entries;
    private final Map<String, String> metadata;
    private final long dataStart;

    private SafetensorsFile(Path path, Map<String, Entry> entries, Map<String, String> metadata, long dataStart) {
        this.path = path;
        this.entries = entries;
        this.metadata = metadata;
        this.dataStart = dataStart;
    }

    /** @throws CheckpointException if the file cannot be read or its header is not valid; the message says what is wrong */
    public static SafetensorsFile open(Path path) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < 8) {
                throw problem(path, "it has %d bytes and is too short for a header", size);
            }
            long length = read(channel, 0, 8).getLong();
            if (length < 2 || length > LONGEST_HEADER || length > size - 8) {
                throw problem(
                        path, "its header claims %s bytes, but the file has %d", Long.toUnsignedString(length), size);
            }
            ByteBuffer header = read(channel, 8, (int) length);
            JsonNode root;
            try {
                root = JSON.readTree(header.array());
            } catch (IOException e) {
                throw new CheckpointException("%s: its header is not JSON: %s".formatted(path, firstLine(e)), e);
            }
            if (root == null || !root.isObject()) {
                throw problem(path, "its header is not a JSON object");
            }
            return parse(path, root, 8 + length, size - 8 - length);
        } catch (IOException e) {
            throw new CheckpointException("%s: cannot be read: %s".formatted(path, firstLine(e)), e);
        }
    }

    private static SafetensorsFile parse(Path path, JsonNode root, long dataStart, long dataSize) {
        Map<String, Entry> entries = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        root.properties().forEach(field -> {
            if (field.getKey().equals("__metadata__")) {
                field.getValue().properties().forEach(item -> metadata.put(item.getKey(), item.getValue().asText()));
            } else {
                entries.put(field.getKey(), entry(path, field.getKey(), field.getValue(), dataSize));
            }
        });
        List<Entry> inOrder = new ArrayList<>(entries.values());
        inOrder.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long position = 0;
        for (Entry entry : inOrder) {
            if (entry.begin() != position) {
                throw problem(
                        path,
                        "tensor %s begins at byte %d, but the one before it ends at %d",
                        entry.name(), entry.begin(), position);
            }
            position = entry.end();
        }
        if (position != dataSize) {
            throw problem(path, "its tensors end at byte %d of %d: it is truncated or has bytes appended", position, dataSize);
        }
        return new SafetensorsFile(
                path, Collections.unmodifiableMap(entries), Collections.unmodifiableMap(metadata), dataStart);
    }

    private static Entry entry(Path path, String name, JsonNode node, long dataSize) {
        DType dtype;
        try {
            dtype = DType.valueOf(node.path("dtype").asText());
        } catch (IllegalArgumentException e) {
            throw problem(path, "tensor %s has the unknown dtype '%s'", name, node.path("dtype").asText());
        }
        JsonNode offsets = node.path("data_offsets");
        JsonNode dimensions = node.path("shape");
        if (!dimensions.isArray() || offsets.size() != 2 || !offsets.path(0).isIntegralNumber() || !offsets.path(1).isIntegralNumber()) {
            throw problem(path, "tensor %s lacks a shape or two data_offsets", name);
        }
        List<Long> shape = new ArrayList<>();
        for (JsonNode dimension : dimensions) {
            if (!dimension.isIntegralNumber() || !dimension.canConvertToLong() || dimension.asLong() < 0) {
                throw problem(path, "tensor %s has the impossible shape %s", name, dimensions);
            }
            shape.add(dimension.asLong());
        }
        long begin = offsets.path(0).asLong(-1);
        long end = offsets.path(1).asLong(-1);
        if (begin < 0 || end < begin || end > dataSize) {
            throw problem(path, "tensor %s lies at bytes %s, outside of the file's %d", name, offsets, dataSize);
        }
        TensorInfo info = new TensorInfo(dtype, shape);
        long expected;
        try {
            expected = Math.multiplyExact(info.elements(), (long) dtype.bytes());
        } catch (ArithmeticException e) {
            throw problem(path, "tensor %s has the impossible shape %s", name, dimensions);
        }
        if (expected != end - begin) {
            throw problem(
                    path, "tensor %s is %s of shape %s, which needs %d bytes, but it has %d",
                    name, dtype, shape, expected, end - begin);
        }
        return new Entry(name, info, begin, end);
    }

    @Override
    public Set<String> names() {
        return entries.keySet();
    }

    /** The header's metadata, all strings. */
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public TensorInfo info(String name) {
        return find(name).info();
    }

    @Override
    public TensorData read(String name) {
        Entry entry = find(name);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer bytes = entry.begin() == entry.end()
                    ? ByteBuffer.allocate(0)
                    : channel.map(FileChannel.MapMode.READ_ONLY, dataStart + entry.begin(), entry.end() - entry.begin());
            return new TensorData(entry.info(), bytes);
        } catch (IOException e) {
            throw new CheckpointException("%s: tensor %s cannot be read: %s".formatted(path, name, firstLine(e)), e);
        }
    }

    @Override
    public String describe() {
        return path.toString();
    }

    private Entry find(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw problem(path, "it has no tensor %s", name);
        }
        return entry;
    }

    private static ByteBuffer read(FileChannel channel, long position, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, position + buffer.position()) < 0) {
                throw new IOException("it ends too early");
            }
        }
        return buffer.flip();
    }

    private static String firstLine(IOException e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
    }

    private static CheckpointException problem(Path path, String format, Object... arguments) {
        return new CheckpointException(path + ": " + format.formatted(arguments));
    }
}
