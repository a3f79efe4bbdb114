package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.aquatint.events.Examples.Example;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
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
 * an event that has it has a file in a newer folder too.
 */
final class GoldenBytesTest {
    private static final String FIRST = "/golden/v1/";
    private static final List<String> NEWEST_FIRST = List.of("/golden/v3/", "/golden/v2/", FIRST);

    static Stream<Example<?>> examples() {
        return Examples.all();
    }

    static Stream<Example<?>> firstExamples() {
        return Examples.ofVersion1().filter(example -> exists(FIRST, example.type()));
    }

    @Test
    void everyTypeHasItsGoldenFiles() {
        for (String type : SchemaTest.types().keySet()) {
            assertThat(NEWEST_FIRST)
                    .as("a %s.json below src/test/resources/golden, the bytes of an event of that type", type)
                    .anyMatch(folder -> exists(folder, type));
        }
    }

    @ParameterizedTest
    @MethodSource("firstExamples")
    void whatWasWrittenFirstIsRead(Example<?> example) {
        assertThat(read(FIRST, example)).usingRecursiveComparison().isEqualTo(example.event());
    }

    @ParameterizedTest
    @MethodSource("examples")
    void whatWasWrittenIsRead(Example<?> example) {
        assertThat(read(newest(example), example)).usingRecursiveComparison().isEqualTo(example.event());
    }

    @ParameterizedTest
    @MethodSource("examples")
    void theSameIsWrittenAgain(Example<?> example) {
        ConsumerRecord<String, byte[]> record = Records.record(example);

        assertThat(new String(record.value(), StandardCharsets.UTF_8))
                .isEqualTo(new String(golden(newest(example), example, ".json"), StandardCharsets.UTF_8));
        assertThat(Records.headers(record)).isEqualTo(headers(newest(example), example));
    }

    private static boolean exists(String folder, String type) {
        return GoldenBytesTest.class.getResource(folder + type + ".json") != null;
    }

    private static String newest(Example<?> example) {
        return NEWEST_FIRST.stream()
                .filter(folder -> exists(folder, example.type()))
                .findFirst()
                .orElse(NEWEST_FIRST.get(0));
    }

    private static <T> Event<T> read(String folder, Example<T> example) {
        return example.topic()
                .read(Records.of(example.topic(), "a-key", headers(folder, example), golden(folder, example, ".json")));
    }

    private static Map<String, String> headers(String folder, Example<?> example) {
        Map<String, String> headers = new LinkedHashMap<>();
        new String(golden(folder, example, ".headers"), StandardCharsets.UTF_8)
                .lines()
                .map(line -> line.split(": ", 2))
                .forEach(header -> headers.put(header[0], header[1]));
        return headers;
    }

    private static byte[] golden(String folder, Example<?> example, String ending) {
        String file = folder + example.type() + ending;
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
