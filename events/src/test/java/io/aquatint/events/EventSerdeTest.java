package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.events.Examples.Example;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.KafkaMessageFactory;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class EventSerdeTest {
    private static final Map<String, String> SEALED =
            Map.of("ce_specversion", "1.0", "ce_id", "1", "ce_source", "/my-upload-app", "ce_type", "dataset.sealed");
    private static final byte[] CATS = bytes("{\"dataset\": \"cats\"}");
    private static final Instant SENT = Instant.ofEpochMilli(Records.TIMESTAMP);

    static Stream<Example<?>> examples() {
        return Examples.all();
    }

    @Test
    void fourHeadersAndAJsonValueAreEnough() {
        assertThat(read("cats", SEALED, CATS))
                .isEqualTo(Event.of("1", URI.create("/my-upload-app"), SENT, "cats", new DatasetSealed("cats")));
    }

    @Test
    void theKeyAndTheTimestampStandInForSubjectAndTime() {
        assertThat(read("the-key", SEALED, CATS).subject()).isEqualTo("the-key");
        assertThat(read("the-key", SEALED, CATS).time()).isEqualTo(SENT);

        Map<String, String> headers = with("ce_subject", "a-subject");
        headers.put("ce_time", "2026-01-31T13:30:00.5+01:30");
        assertThat(read("the-key", headers, CATS).subject()).isEqualTo("a-subject");
        assertThat(read("the-key", headers, CATS).time()).isEqualTo("2026-01-31T12:00:00.500Z");
    }

    @Test
    void withoutAKeyTheDataGivesTheSubject() {
        assertThat(read(null, SEALED, CATS).subject()).isEqualTo("cats");
        assertThat(read("", SEALED, CATS).subject()).isEqualTo("cats");
    }

    @Test
    void kafkasDeserializerKnowsNoKeyAndNoTimestamp() {
        var record = Records.of(Topics.IMAGE_UPLOADS, "the-key", SEALED, CATS);
        Event<UploadEvent> event = Topics.IMAGE_UPLOADS
                .serde()
                .deserializer()
                .deserialize("image.uploads", record.headers(), record.value());

        assertThat(event.subject()).isEqualTo("cats");
        assertThat(event.time()).isEqualTo(Instant.EPOCH);
    }

    @Test
    void aTombstoneStaysOne() {
        assertThat(read("cats", SEALED, null)).isNull();
        assertThat(Topics.MODEL_VERSIONS.serde().serializer().serialize("model.versions", new RecordHeaders(), null))
                .isNull();
    }

    @Test
    void headersOfTheRecordBeingProcessedAreReplaced() {
        var headers = new RecordHeaders();
        SEALED.forEach((name, value) -> headers.add(name, bytes(value)));
        headers.add("ce_traceparent", bytes("00-1"));
        headers.add("mine", bytes("stays"));
        Example<?> example = Examples.all().skip(5).findFirst().orElseThrow();
        write(example, headers);

        assertThat(headers.toArray()).hasSize(8);
        assertThat(headers.lastHeader("ce_type").value()).isEqualTo(bytes("batch.completed"));
        assertThat(headers.lastHeader("mine")).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"ce_specversion", "ce_id", "ce_source", "ce_type"})
    void aMissingHeaderIsNamed(String header) {
        for (String missing : new String[] {"absent", "empty"}) {
            Map<String, String> headers = new TreeMap<>(SEALED);
            headers.remove(header);
            if (missing.equals("empty")) {
                headers.put(header, "");
            }
            assertRefused(headers, CATS, header + " is missing", "binary mode");
        }
    }

    @Test
    void aMalformedHeaderIsNamed() {
        assertRefused(with("ce_specversion", "0.3"), CATS, "ce_specversion is '0.3'");
        assertRefused(with("ce_source", "my upload app"), CATS, "ce_source is 'my upload app'");
        assertRefused(with("ce_time", "2026-01-31T12:00:00"), CATS, "ce_time is '2026-01-31T12:00:00'", "RFC 3339");
        assertRefused(with("ce_type", "image.deleted"), CATS, "ce_type 'image.deleted'", "image.uploaded");
        assertRefused(with("ce_type", "model.ready"), CATS, "ce_type 'model.ready'", "dataset.sealed");
    }

    @Test
    void aMalformedValueIsNamedWithItsField() {
        assertRefused(SEALED, bytes(""), "the data of event '1' is no dataset.sealed: it is empty");
        assertRefused(SEALED, bytes("null"), "event '1'", "null");
        assertRefused(SEALED, bytes("[]"), "event '1'");
        assertRefused(SEALED, bytes("{\"dataset\": \"cats\"} {}"), "event '1'");
        assertRefused(SEALED, new byte[] {(byte) 0xff, (byte) 0xd8}, "event '1'");
        assertRefused(SEALED, bytes("{}"), "is no dataset.sealed: field 'dataset' is missing");
        assertRefused(SEALED, bytes("{\"dataset\": null}"), "'dataset'");
        assertRefused(SEALED, bytes("{\"dataset\": 7}"), "'dataset'");
        assertRefused(
                with("ce_type", "dataset.configured"),
                bytes("{\"dataset\": \"cats\", \"spec\": {\"samplePrompts\": [\"a\", null]}}"),
                "'spec.samplePrompts");
        assertRefused(
                with("ce_type", "dataset.configured"),
                bytes("{\"dataset\": \"cats\", \"spec\": {\"learningRate\": \"NaN\"}}"),
                "'spec.learningRate'");
        assertRefused(
                with("ce_type", "dataset.configured"),
                bytes("{\"dataset\": \"cats\", \"spec\": {\"learningRate\": 1e999}}"),
                "'spec.learningRate'");
        assertRefused(with("ce_type", "image.uploaded"), bytes("{\"dataset\": \"cats\", \"bytes\": \"*\"}"), "'bytes'");
    }

    @ParameterizedTest
    @MethodSource("examples")
    void fieldsThatALaterVersionAddsAreIgnored(Example<?> example) {
        ObjectNode json = EventJson.mapper().valueToTree(example.event().data());
        json.findParents("sha256").forEach(parent -> ((ObjectNode) parent).put("later", 1));
        json.findParents("steps").forEach(parent -> ((ObjectNode) parent).putArray("later"));
        json.putObject("later").put("sha256", 1);

        assertThat(readAs(example, Records.headers(example), bytes(json.toString())))
                .usingRecursiveComparison()
                .isEqualTo(example.event());
    }

    @Test
    void whatIsNoNumberCannotBeWritten() {
        for (double loss : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
            Event<TrainingEvent> event = Event.of(
                    "an-id",
                    URI.create("/aquatint/trainer"),
                    SENT,
                    "cats/1",
                    new TrainingProgress("cats/1", 1, 2, loss, 1e-4, 1, 1, null));
            assertThatThrownBy(() -> Records.of(Topics.TRAINING_EVENTS, event))
                    .isInstanceOf(EventFormatException.class)
                    .hasMessageContaining("topic training.events")
                    .hasMessageContaining("'an-id'")
                    .hasMessageContaining("'loss'");
        }
        Event<ValidationEvent> scored = Event.of(
                "an-id",
                URI.create("/aquatint/validator"),
                SENT,
                "cats/1",
                new ValidationScored("cats/1", 1, 1, 1, Map.of(62, Double.NaN), Map.of(), 1));
        assertThatThrownBy(() -> Records.of(Topics.VALIDATION_EVENTS, scored))
                .hasMessageContaining("'heldOutLosses.62'");
    }

    @Test
    void halfACharacterIsHandedOn() {
        Event<UploadEvent> event = read(
                "cats",
                with("ce_type", "image.uploaded"),
                bytes("{\"dataset\": \"cats\", \"caption\": \"a cat \\ud83d\"}"));

        assertThat(Topics.IMAGE_UPLOADS.read(Records.of(Topics.IMAGE_UPLOADS, event)))
                .usingRecursiveComparison()
                .isEqualTo(event);
    }

    @ParameterizedTest
    @MethodSource("examples")
    void theCloudEventsLibraryReadsWhatIsWritten(Example<?> example) throws Exception {
        CloudEvent event =
                KafkaMessageFactory.createReader(Records.record(example)).toEvent();

        assertThat(event.getId()).isEqualTo(example.event().id());
        assertThat(event.getSource()).isEqualTo(example.event().source());
        assertThat(event.getType()).isEqualTo(example.type());
        assertThat(event.getSubject()).isEqualTo(example.event().subject());
        assertThat(event.getTime()).isEqualTo(OffsetDateTime.parse("2026-01-31T12:00:00.125Z"));
        assertThat(event.getDataContentType()).isEqualTo("application/json");
        assertThat(event.getData().toBytes())
                .isEqualTo(EventJson.write(example.event().data()));
    }

    @ParameterizedTest
    @MethodSource("examples")
    void whatTheCloudEventsLibraryWritesIsReadInBothModes(Example<?> example) {
        CloudEvent event = CloudEventBuilder.v1()
                .withId(example.event().id())
                .withSource(example.event().source())
                .withType(example.type())
                .withTime(OffsetDateTime.parse("2026-01-31T12:00:00.125Z"))
                .withSubject(example.event().subject())
                .withData("application/json", EventJson.write(example.event().data()))
                .build();
        var writer = KafkaMessageFactory.createWriter(example.topic().name());
        var structured =
                KafkaMessageFactory.createWriter(example.topic().name()).writeStructured(event, new JsonFormat());

        assertThat(read(example, writer.writeBinary(event)))
                .usingRecursiveComparison()
                .isEqualTo(example.event());
        assertThat(read(example, structured)).usingRecursiveComparison().isEqualTo(example.event());
    }

    @Test
    void structuredModeIsReadToo() {
        Map<String, String> headers = Map.of("content-type", "application/CloudEvents+json; charset=UTF-8");
        String data = "\"data\": {\"dataset\": \"cats\"}";

        assertThat(read("the-key", headers, structured(data)))
                .isEqualTo(Event.of("1", URI.create("/a"), SENT, "the-key", new DatasetSealed("cats")));
        assertThat(read(null, headers, structured(data + ", \"subject\": \"s\", \"time\": \"2026-01-31T12:00:00Z\"")))
                .isEqualTo(Event.of(
                        "1", URI.create("/a"), Instant.parse("2026-01-31T12:00:00Z"), "s", new DatasetSealed("cats")));
        assertThat(read("cats", headers, structured("\"data_base64\": \"eyJkYXRhc2V0IjogImNhdHMifQ==\""))
                        .data())
                .isEqualTo(new DatasetSealed("cats"));
    }

    @Test
    void whatIsWrongInStructuredModeIsNamed() {
        Map<String, String> headers = Map.of("content-type", "application/cloudevents+json");

        assertRefused(headers, CATS, "ce_specversion is missing");
        assertRefused(headers, bytes("[]"), "application/cloudevents+json", "no JSON object");
        assertRefused(headers, bytes("\u0000"), "application/cloudevents+json", "no JSON object");
        assertRefused(headers, structured("\"data\": null"), "event '1'");
        assertRefused(headers, structured("\"subject\": \"s\""), "'data' is missing");
        assertRefused(headers, structured("\"data_base64\": \"*\""), "'data_base64'");
        assertRefused(headers, structured("\"data\": {}, \"time\": 7"), "'time' is 7");
        assertRefused(headers, structured("\"data\": {}"), "'dataset'");
        assertRefused(
                Map.of("content-type", "application/cloudevents-batch+json"), bytes("[]"), "one CloudEvent a record");
        assertRefused(Map.of("content-type", "application/cloudevents+avro"), bytes("x"), "binary mode");
    }

    private static byte[] structured(String rest) {
        return bytes("{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/a\", \"type\": \"dataset.sealed\", %s}"
                .formatted(rest));
    }

    private static void assertRefused(Map<String, String> headers, byte[] value, String... named) {
        List<String> all = new ArrayList<>(List.of(named));
        all.add("topic image.uploads: ");
        assertThatThrownBy(() -> read("cats", headers, value))
                .isExactlyInstanceOf(EventFormatException.class)
                .message()
                .contains(all);
    }

    private static @Nullable Event<UploadEvent> read(
            @Nullable String key, Map<String, String> headers, byte @Nullable [] value) {
        return Topics.IMAGE_UPLOADS.read(Records.of(Topics.IMAGE_UPLOADS, key, headers, value));
    }

    private static <T> Event<T> readAs(Example<T> example, Map<String, String> headers, byte[] value) {
        return example.topic().read(Records.of(example.topic(), "a-key", headers, value));
    }

    private static <T> Event<T> read(Example<T> example, ProducerRecord<?, byte[]> sent) {
        ConsumerRecord<String, byte[]> record = Records.of(example.topic(), "a-key", sent.headers(), sent.value());
        return example.topic().read(record);
    }

    private static <T> void write(Example<T> example, RecordHeaders headers) {
        example.topic().serde().serializer().serialize(example.topic().name(), headers, example.event());
    }

    private static Map<String, String> with(String header, String value) {
        Map<String, String> headers = new TreeMap<>(SEALED);
        headers.put(header, value);
        return headers;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
