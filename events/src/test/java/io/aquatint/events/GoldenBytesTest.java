package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.aquatint.events.Examples.Example;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Holds events to the bytes that they had when their form was published: {@code golden/v1/<type>.json} is the value,
 * {@code <type>.headers} the headers, one a line. These files never change. A field that is added later is absent from them;
 * an event that has it gets a file in a new folder.
 */
final class GoldenBytesTest {
    private static final String FOLDER = "/golden/v1/";

    static Stream<Example<?>> examples() {
        return Examples.all();
    }

    @Test
    void everyTypeHasItsGoldenFiles() {
        for (String type : SchemaTest.types().keySet()) {
            assertThat(GoldenBytesTest.class.getResource(FOLDER + type + ".json"))
                    .as("src/test/resources%s%s.json, the bytes of an event of type %s", FOLDER, type, type)
                    .isNotNull();
        }
    }

    @ParameterizedTest
    @MethodSource("examples")
    void whatWasWrittenIsRead(Example<?> example) {
        assertThat(read(example)).usingRecursiveComparison().isEqualTo(example.event());
    }

    @ParameterizedTest
    @MethodSource("examples")
    void theSameIsWrittenAgain(Example<?> example) {
        ConsumerRecord<String, byte[]> record = Records.record(example);

        assertThat(new String(record.value(), StandardCharsets.UTF_8))
                .isEqualTo(new String(golden(example, ".json"), StandardCharsets.UTF_8));
        assertThat(Records.headers(record)).isEqualTo(headers(example));
    }

    private static <T> Event<T> read(Example<T> example) {
        return example.topic().read(Records.of(example.topic(), "a-key", headers(example), golden(example, ".json")));
    }

    private static Map<String, String> headers(Example<?> example) {
        Map<String, String> headers = new LinkedHashMap<>();
        new String(golden(example, ".headers"), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.split(": ", 2))
                .forEach(header -> headers.put(header[0], header[1]));
        return headers;
    }

    private static byte[] golden(Example<?> example, String ending) {
        String file = FOLDER + example.type() + ending;
        try (InputStream in = GoldenBytesTest.class.getResourceAsStream(file)) {
            return in == null ? fail(missing(example, file)) : in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(file, e);
        }
    }

    private static String missing(Example<?> example, String file) {
        ConsumerRecord<String, byte[]> record = Records.record(example);
        String headers = Records.headers(record).entrySet().stream()
                .map(header -> header.getKey() + ": " + header.getValue())
                .collect(Collectors.joining("\n"));
        return "%s is missing; when the form of the event is settled, keep its value%n%s%nand its headers%n%s"
                .formatted(file, new String(record.value(), StandardCharsets.UTF_8), headers);
    }
}
