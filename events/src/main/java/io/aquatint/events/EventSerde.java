package io.aquatint.events;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/**
 * CloudEvents 1.0, Kafka protocol binding, binary mode: attributes in {@code ce_} headers, the data as JSON in the value. A
 * null value is a tombstone and stays null.
 */
final class EventSerde<T> implements Serde<Event<T>> {
    private static final String PREFIX = "ce_";
    private static final String CONTENT_TYPE = "content-type";

    private final Topic<T> topic;
    private final Map<String, Class<? extends T>> records;

    EventSerde(Topic<T> topic) {
        this.topic = topic;
        this.records = topic.records();
    }

    @Override
    public Serializer<Event<T>> serializer() {
        return new Serializer<>() {
            @Override
            public byte[] serialize(String name, Event<T> event) {
                throw new UnsupportedOperationException("an event is written with headers");
            }

            @Override
            public byte @Nullable [] serialize(String name, Headers headers, @Nullable Event<T> event) {
                return event == null ? null : write(headers, event);
            }
        };
    }

    @Override
    public Deserializer<Event<T>> deserializer() {
        return new Deserializer<>() {
            @Override
            public Event<T> deserialize(String name, byte[] value) {
                throw new EventFormatException("topic %s: a record without headers".formatted(name));
            }

            @Override
            public @Nullable Event<T> deserialize(String name, Headers headers, byte @Nullable [] value) {
                return value == null ? null : read(headers, value);
            }
        };
    }

    private static byte[] write(Headers headers, Event<?> event) {
        // In Kafka Streams the headers of the record that is being processed are still there.
        for (Header header : headers.toArray()) {
            if (header.key().startsWith(PREFIX) || header.key().equals(CONTENT_TYPE)) {
                headers.remove(header.key());
            }
        }
        put(headers, PREFIX + "specversion", "1.0");
        put(headers, PREFIX + "id", event.id());
        put(headers, PREFIX + "source", event.source().toString());
        put(headers, PREFIX + "type", event.type());
        put(headers, PREFIX + "time", event.time().toString());
        put(headers, PREFIX + "subject", event.subject());
        put(headers, CONTENT_TYPE, "application/json");
        return EventJson.write(event.data());
    }

    private Event<T> read(Headers headers, byte[] value) {
        String version = required(headers, "specversion");
        if (!version.equals("1.0")) {
            throw new EventFormatException(
                    "topic %s: ce_specversion is '%s', but only 1.0 is understood".formatted(topic.name(), version));
        }
        String type = required(headers, "type");
        Class<? extends T> record = records.get(type);
        if (record == null) {
            throw new EventFormatException("topic %s: unknown ce_type '%s'; this topic holds %s"
                    .formatted(topic.name(), type, String.join(", ", records.keySet())));
        }
        String id = required(headers, "id");
        URI source;
        Instant time;
        try {
            source = URI.create(required(headers, "source"));
            String when = text(headers, "time");
            time = when == null ? Instant.EPOCH : OffsetDateTime.parse(when).toInstant();
        } catch (IllegalArgumentException | DateTimeParseException e) {
            throw new EventFormatException(
                    "topic %s: a header of event '%s' is malformed: %s".formatted(topic.name(), id, e.getMessage()), e);
        }
        String subject = text(headers, "subject");
        try {
            return new Event<>(id, source, time, subject == null ? "" : subject, EventJson.read(value, record));
        } catch (EventFormatException e) {
            throw new EventFormatException(
                    "topic %s: the value of event '%s' is %s".formatted(topic.name(), id, e.getMessage()), e);
        }
    }

    private String required(Headers headers, String attribute) {
        String text = text(headers, attribute);
        if (text == null || text.isEmpty()) {
            throw new EventFormatException(
                    "topic %s: the header ce_%s is missing; send CloudEvents 1.0 in binary mode, with ce_specversion, ce_id, ce_source and ce_type"
                            .formatted(topic.name(), attribute));
        }
        return text;
    }

    private static @Nullable String text(Headers headers, String attribute) {
        Header header = headers.lastHeader(PREFIX + attribute);
        return header == null || header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    private static void put(Headers headers, String key, String value) {
        headers.add(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
