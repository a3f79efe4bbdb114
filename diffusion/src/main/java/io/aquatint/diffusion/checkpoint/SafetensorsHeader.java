package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The checked header of a safetensors file. Memory is bounded by the header's size, which is at most the file's and
 * {@value #MAXIMUM_BYTES} bytes, the reference library's limit; nothing is allocated by what the header claims.
 *
 * @param dataStart the file position that offsets count from
 */
record SafetensorsHeader(Map<String, Entry> entries, Map<String, String> metadata, long dataStart) {
    static final long MAXIMUM_BYTES = 100_000_000;
    private static final int MAXIMUM_DIMENSIONS = 64;
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    /** One tensor and its bytes, from {@code begin} to before {@code end}. */
    record Entry(String name, TensorInfo info, long begin, long end) {}

    static SafetensorsHeader read(Path path, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < 8) {
            throw new SafetensorsException(path, null, "truncated: " + size + " bytes, the header's length takes 8");
        }
        ByteBuffer prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        SafetensorsFile.readFully(channel, 0, prefix);
        long length = prefix.getLong(0);
        if (length < 0 || length > MAXIMUM_BYTES) {
            throw new SafetensorsException(
                    path,
                    null,
                    "the header's length " + Long.toUnsignedString(length) + " is over the limit of " + MAXIMUM_BYTES
                            + ": no safetensors file, or a broken one");
        }
        if (length > size - 8) {
            throw new SafetensorsException(
                    path, null, "truncated: the header has " + length + " bytes, the file only " + size);
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) length);
        SafetensorsFile.readFully(channel, 8, bytes);
        Parser parser = new Parser(path, bytes.array());
        Map<String, Entry> entries = parser.parse();
        checkOffsets(path, entries, size - 8 - length);
        return new SafetensorsHeader(entries, parser.metadata, 8 + length);
    }

    private static void checkOffsets(Path path, Map<String, Entry> entries, long dataBytes) {
        List<Entry> ordered = new ArrayList<>(entries.values());
        ordered.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long end = 0;
        for (Entry entry : ordered) {
            String name = entry.name();
            if (entry.begin() < end) {
                throw new SafetensorsException(
                        path, name, "begins at " + entry.begin() + " and overlaps another, which ends at " + end);
            }
            if (entry.begin() > end) {
                throw new SafetensorsException(
                        path, name, "begins at " + entry.begin() + " and leaves a gap after " + end);
            }
            if (entry.end() > dataBytes) {
                throw new SafetensorsException(
                        path,
                        name,
                        "truncated: ends at " + entry.end() + ", the file has " + dataBytes + " data bytes");
            }
            end = entry.end();
        }
        if (end != dataBytes) {
            throw new SafetensorsException(
                    path, null, "the file has " + dataBytes + " data bytes, the tensors only " + end);
        }
    }

    /** Reads the JSON as a stream, so that nothing but what is kept is built. */
    private static final class Parser {
        private final Path path;
        private final byte[] bytes;
        private final Map<String, String> metadata = new LinkedHashMap<>();

        Parser(Path path, byte[] bytes) {
            this.path = path;
            this.bytes = bytes;
        }

        Map<String, Entry> parse() throws IOException {
            if (bytes.length == 0 || bytes[0] != '{') {
                throw new SafetensorsException(path, null, "the header is no JSON object");
            }
            Map<String, Entry> entries = new LinkedHashMap<>();
            try (JsonParser json = JSON.createParser(bytes)) {
                json.nextToken();
                while (json.nextToken() == JsonToken.FIELD_NAME) {
                    String name = json.currentName();
                    if (json.nextToken() != JsonToken.START_OBJECT) {
                        throw new SafetensorsException(path, name, "its header entry is no JSON object");
                    }
                    if (name.equals("__metadata__")) {
                        readMetadata(json);
                    } else {
                        entries.put(name, entry(json, name));
                    }
                }
                if (json.nextToken() != null) {
                    throw new SafetensorsException(path, null, "the header goes on after its JSON object");
                }
            } catch (JsonProcessingException e) {
                throw new SafetensorsException(path, null, "the header is no valid JSON: " + e.getOriginalMessage());
            }
            return entries;
        }

        private void readMetadata(JsonParser json) throws IOException {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                if (json.nextToken() != JsonToken.VALUE_STRING) {
                    throw new SafetensorsException(path, null, "the metadata " + key + " is no string");
                }
                metadata.put(key, json.getText());
            }
        }

        private Entry entry(JsonParser json, String name) throws IOException {
            @Nullable DType dtype = null;
            long @Nullable [] shape = null;
            long @Nullable [] offsets = null;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String field = json.currentName();
                JsonToken value = json.nextToken();
                switch (field) {
                    case "dtype" -> {
                        String type = value == JsonToken.VALUE_STRING ? json.getText() : String.valueOf(value);
                        dtype = DType.named(type)
                                .orElseThrow(() -> new SafetensorsException(
                                        path, name, "the element type " + type + " is not supported"));
                    }
                    case "shape" -> shape = numbers(json, name, field);
                    case "data_offsets" -> offsets = numbers(json, name, field);
                    default -> throw new SafetensorsException(path, name, "unknown header field " + field);
                }
            }
            if (dtype == null || shape == null || offsets == null) {
                throw new SafetensorsException(path, name, "its header entry lacks dtype, shape or data_offsets");
            }
            if (offsets.length != 2 || offsets[0] > offsets[1]) {
                throw new SafetensorsException(path, name, "data_offsets are no begin and end");
            }
            checkBytes(name, dtype, shape, offsets[1] - offsets[0]);
            return new Entry(name, TensorInfo.of(dtype, shape), offsets[0], offsets[1]);
        }

        private void checkBytes(String name, DType dtype, long[] shape, long stored) {
            long expected;
            try {
                expected = Math.multiplyExact(TensorInfo.of(dtype, shape).elements(), (long) dtype.bytes());
            } catch (ArithmeticException e) {
                throw new SafetensorsException(path, name, "the shape has more elements than a long counts");
            }
            if (expected != stored) {
                throw new SafetensorsException(
                        path, name, "the shape takes " + expected + " bytes, data_offsets give " + stored);
            }
        }

        private long[] numbers(JsonParser json, String name, String field) throws IOException {
            if (json.currentToken() != JsonToken.START_ARRAY) {
                throw new SafetensorsException(path, name, field + " is no list");
            }
            long[] numbers = new long[MAXIMUM_DIMENSIONS];
            int count = 0;
            while (json.nextToken() != JsonToken.END_ARRAY) {
                boolean fits = json.currentToken() == JsonToken.VALUE_NUMBER_INT
                        && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER
                        && json.getLongValue() >= 0;
                if (!fits || count == MAXIMUM_DIMENSIONS) {
                    throw new SafetensorsException(
                            path, name, field + " is no list of at most " + MAXIMUM_DIMENSIONS + " sizes");
                }
                numbers[count++] = json.getLongValue();
            }
            return Arrays.copyOf(numbers, count);
        }
    }
}
