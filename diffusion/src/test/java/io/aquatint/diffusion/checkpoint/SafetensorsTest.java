package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.aquatint.diffusion.Golden;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {

    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "sd15/lora/a/pytorch_lora_weights.safetensors",
                "sd15/lora/a-kohya.safetensors",
                "sd15/model/vae/diffusion_pytorch_model.safetensors",
                "sd15/cases/noise-schedule.safetensors"
            })
    void aFileOfTheReferenceLibraryIsWrittenAgainByteForByteAfterItsMetadata(String name) throws IOException {
        Path original = Golden.path(name);
        SafetensorsFile file = SafetensorsFile.open(original);
        Path copy = folder.resolve("copy.safetensors");
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        file.names().forEach(tensor -> tensors.put(tensor, file.read(tensor)));

        SafetensorsWriter.write(copy, tensors, file.metadata());

        assertThat(Files.size(copy)).isEqualTo(Files.size(original));
        assertThat(afterMetadata(copy)).isEqualTo(afterMetadata(original));
    }

    private static byte[] afterMetadata(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        String start = new String(bytes, 8, Math.min(2000, bytes.length - 8), StandardCharsets.ISO_8859_1);
        return Arrays.copyOfRange(bytes, 8 + start.indexOf("\"},\"") + 2, bytes.length);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 4 | a | 8 bytes",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 3 | a | truncated",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 5 |  | data bytes",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[2,6]}} | 6 | b | overlaps",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'b':{'dtype':'F32','shape':[1],'data_offsets':[6,10]}} | 10 | b | gap",
                "{'a':{'dtype':'F8_E4M3','shape':[1],'data_offsets':[0,1]}} | 1 | a | F8_E4M3",
                "{'a':{'dtype':'F32','shape':[-1],'data_offsets':[0,4]}} | 4 | a | shape",
                "{'a':{'dtype':'F32','shape':[9000000000000000000,9],'data_offsets':[0,4]}} | 4 | a | elements",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}} | 4 | a | begin and end",
                "{'a':{'dtype':'F32','shape':[99999999999999999999],'data_offsets':[0,4]}} | 4 | a | shape",
                "{'a':{'dtype':'F32','shape':[1]}} | 4 | a | lacks",
                "{'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'a':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | 4 | | JSON",
                "[] | 0 | | object",
                "{'a': | 0 | | JSON",
                "{} {} | 0 | | goes on",
            })
    void aLyingHeaderIsRefusedWithTheTensorAndTheReason(String header, int dataBytes, String tensor, String reason)
            throws IOException {
        Path file = write(header.replace('\'', '"'), dataBytes);

        assertThatExceptionOfType(SafetensorsException.class)
                .isThrownBy(() -> SafetensorsFile.open(file))
                .satisfies(e -> assertThat(e.tensor()).isEqualTo(tensor))
                .satisfies(e -> assertThat(e.reason()).contains(reason))
                .withMessageContaining(file.toString());
    }

    @Test
    void whatIsThereAndNoFileIsNotReplacedByOne() throws IOException {
        Path there = Files.createDirectory(folder.resolve("there"));

        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> SafetensorsWriter.write(there, Map.<String, TensorData>of(), Map.of()))
                .withMessageContaining(there + " cannot be written");
        assertThat(there).isEmptyDirectory();
    }

    @Test
    void aHeaderLongerThanTheFileIsRefusedWithoutReadingIt() throws IOException {
        for (long length : new long[] {-1, Long.MAX_VALUE, 100_000_001, 99_999_999}) {
            Path file = folder.resolve("long.safetensors");
            Files.write(
                    file,
                    ByteBuffer.allocate(12)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(length)
                            .array());
            assertThatExceptionOfType(SafetensorsException.class).isThrownBy(() -> SafetensorsFile.open(file));
        }
    }

    @Test
    void anEmptyFileIsRefused() throws IOException {
        Path file = Files.createFile(folder.resolve("empty.safetensors"));
        assertThatExceptionOfType(SafetensorsException.class)
                .isThrownBy(() -> SafetensorsFile.open(file))
                .withMessageContaining("truncated");
    }

    @Test
    void tensorsSurviveWritingAndReading() {
        Map<String, TensorData> tensors = Map.of(
                "floats", TensorData.of(new float[] {1, -2.5f, Float.MIN_VALUE, 1e30f}, 2, 2),
                "halves", TensorData.halfOf(new float[] {1, -2.5f, 65504, 0x1p-24f}, 4),
                "scalar", TensorData.of(new float[] {4}),
                "nothing", TensorData.of(new float[0], 0, 7));
        Path path = folder.resolve("tensors.safetensors");
        SafetensorsWriter.write(path, tensors, Map.of("a \"quoted\" key", "ümläut"));

        SafetensorsFile file = SafetensorsFile.open(path);

        assertThat(file.names()).containsExactly("floats", "nothing", "scalar", "halves");
        assertThat(file.metadata()).containsExactly(Map.entry("a \"quoted\" key", "ümläut"));
        tensors.forEach((name, tensor) -> {
            assertThat(file.info(name)).isEqualTo(tensor.info());
            assertThat(file.read(name).toFloats()).isEqualTo(tensor.toFloats());
        });
    }

    @Test
    void aFileHasThePermissionsOfAnyFileAndNothingIsLeftBesideIt() throws IOException {
        Path file = folder.resolve("a.safetensors");
        SafetensorsWriter.write(file, Map.of("a", TensorData.of(new float[1], 1)), Map.of());
        Path other = Files.createFile(folder.resolve("b"));
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(other));
        assertThat(folder).isDirectoryContaining("glob:**/a.safetensors").isDirectoryNotContaining("glob:**partial");
    }

    @Test
    void everyHalfSurvivesTheWayThroughFloat() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            float value = Half.toFloat((short) bits);
            if (!Float.isNaN(value)) {
                assertThat(Half.fromFloat(value)).isEqualTo((short) bits);
            }
        }
    }

    @Property(tries = 500)
    void aMutatedFileIsReadOrRefusedButNeverWorse(
            @ForAll Random random, @ForAll @IntRange(min = 1, max = 8) int changes) throws IOException {
        byte[] bytes = SafetensorsWriter.toBytes(
                Map.of(
                        "a.weight", TensorData.of(new float[6], 2, 3),
                        "b.weight", TensorData.halfOf(new float[4], 4),
                        "c.alpha", TensorData.of(new float[] {1})),
                Map.of("format", "pt"));
        for (int i = 0; i < changes; i++) {
            bytes[random.nextInt(bytes.length)] = (byte)
                    (random.nextBoolean() ? random.nextInt(256) : "0123456789[]{},:\"".charAt(random.nextInt(17)));
        }
        if (random.nextBoolean()) {
            bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length + 16));
        }
        Path file = Files.createTempFile("mutated", ".safetensors");
        try {
            Files.write(file, bytes);
            SafetensorsFile opened = SafetensorsFile.open(file);
            for (String name : opened.names()) {
                opened.read(name).toFloats();
            }
        } catch (SafetensorsException e) {
            assertThat(e.reason()).isNotBlank();
        } finally {
            Files.delete(file);
        }
    }

    private Path write(String header, int dataBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(json.length).put(json);
        Path file = folder.resolve("file.safetensors");
        Files.write(file, bytes.array());
        return file;
    }
}
