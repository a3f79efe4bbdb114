package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Whatever a file claims: it is read, or refused with its name and a reason, and takes no more memory than it has bytes. */
final class BadFilesPropertiesTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ENOUGH_BYTES = 4 << 20;
    private static Path folder = Path.of("");

    @BeforeContainer
    static void makeFolder() throws IOException {
        folder = Files.createTempDirectory("bad");
        SafetensorsFile.open(write(SafetensorsWriter.toBytes(Map.of(), Map.of()))); // classes take memory once
    }

    @AfterContainer
    static void deleteFolder() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Property(tries = 200)
    void aHeaderOfAnyClaimedLengthTakesNoMemoryThatTheFileHasNot(
            @ForAll @LongRange(min = Long.MIN_VALUE) long length, @ForAll @IntRange(max = 64) int bytes)
            throws IOException {
        Path file = write(ByteBuffer.allocate(8 + bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .array());
        String message = "";
        long before = allocated();
        try {
            SafetensorsFile.open(file);
        } catch (SafetensorsException e) {
            message = e.getMessage();
        }
        assertThat(allocated() - before).isLessThan(ENOUGH_BYTES);
        assertThat(message).contains(file.toString());
    }

    @Property(tries = 300)
    void aLyingHeaderIsRefusedOrWhatItSaysIsThere(@ForAll("files") byte[] valid, @ForAll("lies") List<Lie> lies)
            throws IOException {
        ObjectNode header = header(valid);
        for (Lie lie : lies) {
            lie.tell(header);
        }
        Path file = write(withHeader(header, valid));
        long before = allocated();
        try {
            SafetensorsFile opened = SafetensorsFile.open(file);
            for (String name : opened.names()) {
                assertThat(opened.read(name).bytes().remaining()).isLessThanOrEqualTo(valid.length);
            }
            assertThat(Contents.of(file).parts().tensors()).isNotEmpty();
        } catch (CheckpointException e) {
            assertThat(e).hasMessageContaining(file.toString());
        }
        assertThat(allocated() - before).isLessThan(ENOUGH_BYTES);
    }

    @Property(tries = 300)
    void aFileThatIsCutOffOrGoesOnIsRefused(
            @ForAll("files") byte[] valid, @ForAll @IntRange(min = -400, max = 400) int change) throws IOException {
        if (change == 0 || valid.length + change < 0) {
            return;
        }
        Path file = write(Arrays.copyOf(valid, valid.length + change));
        assertThatThrownBy(() -> Contents.of(file))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(file.toString());
    }

    /** The file itself is valid; its tensors are those of an adapter or a word no more. */
    @Property(tries = 300)
    void tensorsOfOtherShapesTypesAndNamesAreReadOrRefusedByName(
            @ForAll("files") byte[] valid, @ForAll Random random, @ForAll @IntRange(min = 1, max = 3) int changes)
            throws IOException {
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        SafetensorsFile original = SafetensorsFile.open(write(valid));
        original.names().forEach(name -> tensors.put(name, original.read(name)));
        for (int i = 0; i < changes; i++) {
            change(tensors, random);
        }
        Path file = folder.resolve("changed.safetensors");
        SafetensorsWriter.write(file, tensors, original.metadata());
        try {
            assertThat(Contents.of(file).parts().tensors()).isNotEmpty();
        } catch (CheckpointException e) {
            assertThat(e).hasMessageContaining(file.toString());
        }
    }

    private static void change(Map<String, TensorData> tensors, Random random) {
        List<String> names = new ArrayList<>(tensors.keySet());
        if (names.isEmpty()) {
            return;
        }
        String name = names.get(random.nextInt(names.size()));
        long[] shape = new long[random.nextInt(5)];
        long elements = 1;
        for (int i = 0; i < shape.length; i++) {
            shape[i] = random.nextInt(4);
            elements *= shape[i];
        }
        DType[] types = DType.values();
        DType type = types[random.nextInt(types.length)];
        TensorData changed = new TensorData(
                TensorInfo.of(type, shape), ByteBuffer.allocate(Math.toIntExact(elements * type.bytes())));
        switch (random.nextInt(4)) {
            case 0 -> tensors.remove(name);
            case 1 -> tensors.put(name, changed);
            case 2 -> tensors.put(name.replace("down", "up"), changed);
            default -> tensors.put(name + "." + random.nextInt(3), changed);
        }
    }

    /** A change of one entry of a header. */
    private record Lie(int which, String field, JsonNode value) {
        Lie {
            value = value.deepCopy();
        }

        void tell(ObjectNode header) {
            List<String> names = new ArrayList<>();
            header.fieldNames().forEachRemaining(names::add);
            String name = names.get(Math.floorMod(which, names.size()));
            if (field.equals("name")) {
                JsonNode entry = header.remove(name);
                header.set(value.asText(), entry);
            } else if (field.equals("entry") || !header.path(name).isObject()) {
                header.set(name, value);
            } else {
                ((ObjectNode) header.get(name)).set(field, value);
            }
        }
    }

    @Provide
    Arbitrary<List<Lie>> lies() {
        JsonNodeFactory json = JsonNodeFactory.instance;
        Arbitrary<JsonNode> number = Arbitraries.oneOf(
                Arbitraries.longs().between(-2, 40).map(json::numberNode),
                Arbitraries.longs().map(json::numberNode),
                Arbitraries.bigIntegers().map(json::numberNode),
                Arbitraries.doubles().map(json::numberNode));
        Arbitrary<JsonNode> numbers =
                number.list().ofMaxSize(70).map(list -> json.arrayNode().addAll(list));
        Arbitrary<JsonNode> text = Arbitraries.oneOf(
                Arbitraries.of("F32", "F16", "I64", "BOOL", "F8_E4M3", "f32", "", "__metadata__")
                        .map(json::textNode),
                Arbitraries.strings().ofMaxLength(20).map(json::textNode),
                Arbitraries.of(1 << 10, 1 << 17).map("x"::repeat).map(json::textNode));
        Arbitrary<JsonNode> any = Arbitraries.oneOf(
                number, numbers, text, Arbitraries.of(json.nullNode(), json.objectNode(), json.booleanNode(true)));
        Arbitrary<String> field =
                Arbitraries.of("shape", "shape", "data_offsets", "data_offsets", "dtype", "name", "entry", "more");
        return field.flatMap(name -> {
                    Arbitrary<JsonNode> value =
                            switch (name) {
                                case "shape", "data_offsets" -> Arbitraries.oneOf(numbers, any);
                                case "dtype", "name" -> Arbitraries.oneOf(text, any);
                                default -> any;
                            };
                    return value.flatMap(to -> Arbitraries.integers().map(which -> new Lie(which, name, to)));
                })
                .list()
                .ofMinSize(1)
                .ofMaxSize(3);
    }

    /** An adapter of kohya's form, one of diffusers', and words of both forms. */
    @Provide
    Arbitrary<byte[]> files() {
        String module = "down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q";
        return Arbitraries.of(
                SafetensorsWriter.toBytes(
                        Map.of(
                                "lora_unet_" + module + ".lora_down.weight", TensorData.halfOf(new float[6], 2, 3),
                                "lora_unet_" + module + ".lora_up.weight", TensorData.halfOf(new float[8], 4, 2),
                                "lora_unet_" + module + ".alpha", TensorData.of(new float[] {1})),
                        Map.of("ss_network_dim", "2")),
                SafetensorsWriter.toBytes(
                        Map.of(
                                "unet.mid_block.resnets.0.conv1.lora.down.weight",
                                        TensorData.of(new float[18], 2, 1, 3, 3),
                                "unet.mid_block.resnets.0.conv1.lora.up.weight",
                                        TensorData.of(new float[8], 4, 2, 1, 1)),
                        Map.of("format", "pt")),
                SafetensorsWriter.toBytes(Map.of("<dog>", TensorData.of(new float[8], 2, 4)), Map.of()),
                SafetensorsWriter.toBytes(
                        Map.of(
                                "clip_l", TensorData.of(new float[8], 2, 4),
                                "clip_g", TensorData.of(new float[12], 2, 6)),
                        Map.of()));
    }

    private static ObjectNode header(byte[] file) throws IOException {
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        return (ObjectNode) JSON.readTree(file, 8, length);
    }

    private static byte[] withHeader(ObjectNode header, byte[] file) {
        int before = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + json.length + file.length - 8 - before)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .put(file, 8 + before, file.length - 8 - before)
                .array();
    }

    private static Path write(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("file.safetensors"), bytes);
    }

    private static long allocated() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        return threads.getCurrentThreadAllocatedBytes();
    }
}
