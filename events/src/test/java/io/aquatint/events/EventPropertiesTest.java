package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import io.aquatint.events.Examples.Example;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/** What holds of every event, and of everything that is none. */
final class EventPropertiesTest {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    @Property(tries = 200)
    void everyEventIsReadAsItWasWritten(@ForAll("events") Example<?> example) {
        assertThat(read(example.topic(), Records.record(example)))
                .usingRecursiveComparison()
                .isEqualTo(example.event());
    }

    @Property(tries = 200)
    void everyEventsTypesAreThoseOfItsSchema(@ForAll("events") Example<?> example) {
        assertThat(SchemaTest.typeErrors(
                        example.type(),
                        new String(EventJson.write(example.event().data()), StandardCharsets.UTF_8)))
                .isEmpty();
    }

    @Property(tries = 200)
    void anyBytesAreReadOrRefused(@ForAll("topics") Topic<?> topic, @ForAll byte[] bytes, @ForAll int type) {
        List<String> types = List.copyOf(topic.records().keySet());
        Map<String, String> headers = headers(types.get(Math.floorMod(type, types.size())));

        assertThat(refusal(topic, Records.of(topic, "key", headers, bytes)))
                .startsWith("topic " + topic.name() + ": the data of event 'an-id' is no ");
    }

    @Property(tries = 200)
    void anyHeadersAreReadOrRefused(@ForAll("topics") Topic<?> topic, @ForAll("headers") Map<String, String> headers) {
        ConsumerRecord<String, byte[]> record =
                Records.of(topic, "key", headers, "{}".getBytes(StandardCharsets.UTF_8));

        assertThat(refusal(topic, record)).startsWith("topic " + topic.name() + ": ");
    }

    @Property(tries = 200)
    void whatEndsTooEarlyIsRefused(@ForAll("examples") Example<?> example, @ForAll int length) {
        ConsumerRecord<String, byte[]> record = Records.record(example);
        byte[] cut = Arrays.copyOf(record.value(), Math.floorMod(length, record.value().length));

        assertThat(refusal(example.topic(), Records.of(example.topic(), "key", record.headers(), cut)))
                .startsWith("topic " + example.topic().name() + ": the data of event 'an-id' is no ");
    }

    /** One field of an example is made something else: it is read if its schema allows it, and named if not. */
    @Property(tries = 1000)
    void aFieldOfTheWrongTypeIsNamed(
            @ForAll("examples") Example<?> example, @ForAll int which, @ForAll("values") JsonNode value) {
        ObjectNode json = EventJson.mapper().valueToTree(example.event().data());
        List<Runnable> changes = new ArrayList<>();
        List<String> fields = new ArrayList<>();
        collect(json, "", value, changes, fields);
        int chosen = Math.floorMod(which, changes.size());
        // A text that is no base64 or no time is refused too, though a schema does not say so.
        Assume.that(!(value.isTextual() && Set.of("bytes", "createdAt").contains(fields.get(chosen))));
        changes.get(chosen).run();

        String refusal = refusal(
                example.topic(),
                Records.of(
                        example.topic(),
                        "key",
                        Records.headers(example),
                        json.toString().getBytes(StandardCharsets.UTF_8)));
        List<Error> errors = SchemaTest.typeErrors(example.type(), json.toString());
        if (value.isNull() && fields.get(chosen).matches("spec\\.\\w+")) {
            errors = List.of(); // a setting that is null has its default
        }
        assertThat(refusal == null)
                .as("%s with %s = %s: %s, but the schema says %s", example, fields.get(chosen), value, refusal, errors)
                .isEqualTo(errors.isEmpty());
        if (refusal != null) {
            assertThat(refusal).contains("'" + fields.get(chosen));
        }
    }

    @Provide
    Arbitrary<Example<?>> events() {
        return ArbitraryRecords.events();
    }

    @Provide
    Arbitrary<Example<?>> examples() {
        return Arbitraries.of(Examples.all().toList());
    }

    @Provide
    Arbitrary<Topic<?>> topics() {
        return Arbitraries.of(Topics.all());
    }

    @Provide
    Arbitrary<Map<String, String>> headers() {
        return Arbitraries.maps(
                Arbitraries.of(
                        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "content-type"),
                Arbitraries.oneOf(
                        Arbitraries.strings().ofMaxLength(5),
                        Arbitraries.of(
                                "1.0",
                                "/a",
                                "training.started",
                                "application/cloudevents+json",
                                "application/json",
                                "2026-01-31T12:00:00Z")));
    }

    @Provide
    Arbitrary<JsonNode> values() {
        return Arbitraries.of(
                JSON.nullNode(),
                JSON.numberNode(7),
                JSON.numberNode(-7.5),
                JSON.numberNode(0.5),
                JSON.booleanNode(true),
                JSON.textNode(""),
                JSON.textNode("7"),
                JSON.textNode("LORA"),
                JSON.textNode("true"),
                JSON.textNode("null"),
                JSON.arrayNode(),
                JSON.arrayNode().add("x"),
                JSON.arrayNode().add(7),
                JSON.arrayNode().addNull(),
                JSON.objectNode(),
                JSON.objectNode().put("7", 7));
    }

    /** Every place within the JSON and how to put the value there. */
    private static void collect(
            JsonNode json, String path, JsonNode value, List<Runnable> changes, List<String> fields) {
        if (json instanceof ObjectNode object) {
            object.properties().forEach(field -> {
                String name = path.isEmpty() ? field.getKey() : path + "." + field.getKey();
                changes.add(() -> object.set(field.getKey(), value));
                fields.add(name);
                collect(field.getValue(), name, value, changes, fields);
            });
        } else if (json instanceof ArrayNode array) {
            for (int i = 0; i < array.size(); i++) {
                int index = i;
                String name = path + "[" + i + "]";
                changes.add(() -> array.set(index, value));
                fields.add(name);
                collect(array.get(i), name, value, changes, fields);
            }
        }
    }

    private static Map<String, String> headers(String type) {
        Map<String, String> headers = new HashMap<>();
        headers.put("ce_specversion", "1.0");
        headers.put("ce_id", "an-id");
        headers.put("ce_source", "/a");
        headers.put("ce_type", type);
        return headers;
    }

    private static Event<?> read(Topic<?> topic, ConsumerRecord<String, byte[]> record) {
        return topic.read(record);
    }

    /** Why it is no event; null if it is one. Any other exception fails the test. */
    private static @Nullable String refusal(Topic<?> topic, ConsumerRecord<String, byte[]> record) {
        try {
            assertThat(topic.read(record)).isNotNull();
            return null;
        } catch (EventFormatException e) {
            return e.getMessage();
        }
    }
}
