package io.aquatint.events;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;
import org.jspecify.annotations.Nullable;

/**
 * CloudEvents 1.0, Kafka protocol binding. Written in binary mode: attributes in {@code ce_} headers, the data as JSON in the
 * value. Read in binary mode, or in structured mode where the content type says so: attributes and data as one JSON object in
 * the value. A null value is a tombstone and stays null.
 */
final class EventSerde<T> implements Serde<Event<T>> {
    private static final String PREFIX = "ce_";
    private static final String CONTENT_TYPE = "content-type";
    private static final String CLOUD_EVENTS = "application/cloudevents";
    private static final String STRUCTURED = "application/cloudevents+json";

    private final Topic<T> topic;
    private final Map<String, Class<? extends T>> records;

    /** The attributes of a CloudEvent by name. */
    @FunctionalInterface
    private interface Attributes {
        @Nullable String get(String name);
    }

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

    /** Without a record at hand a missing subject is the key that the data gives, and a missing time is the epoch. */
    @Override
    public Deserializer<Event<T>> deserializer() {
        return new Deserializer<>() {
            @Override
            public Event<T> deserialize(String name, byte[] value) {
                throw new EventFormatException("topic %s: a record without headers".formatted(name));
            }

            @Override
            public @Nullable Event<T> deserialize(String name, Headers headers, byte @Nullable [] value) {
                return value == null ? null : read(headers, value, null, Instant.EPOCH);
            }
        };
    }

    @Nullable Event<T> read(ConsumerRecord<String, byte[]> record) {
        byte[] value = record.value();
        return value == null
                ? null
                : read(record.headers(), value, record.key(), Instant.ofEpochMilli(Math.max(0, record.timestamp())));
    }

    private byte[] write(Headers headers, Event<?> event) {
        byte[] value;
        try {
            value = EventJson.write(event.data());
        } catch (EventFormatException e) {
            throw malformed("event '%s': %s".formatted(event.id(), e.getMessage()), e);
        }
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
        return value;
    }

    private Event<T> read(Headers headers, byte[] value, @Nullable String key, Instant timestamp) {
        String contentType = text(headers, CONTENT_TYPE);
        String mode = contentType == null ? "" : contentType.toLowerCase(Locale.ROOT);
        if (mode.equals(STRUCTURED) || mode.startsWith(STRUCTURED + ";")) {
            ObjectNode whole = structured(value);
            return event(name -> attribute(whole, name), () -> data(whole), key, timestamp);
        } else if (mode.startsWith(CLOUD_EVENTS)) {
            throw malformed(
                    "the header content-type is '%s'; send one CloudEvent a record, in binary mode (ce_ headers, and the data as JSON in the value) or as %s"
                            .formatted(contentType, STRUCTURED),
                    null);
        }
        return event(name -> text(headers, PREFIX + name), () -> value, key, timestamp);
    }

    private Event<T> event(Attributes attributes, Supplier<byte[]> data, @Nullable String key, Instant timestamp) {
        String version = required(attributes, "specversion");
        if (!version.equals("1.0")) {
            throw malformed("ce_specversion is '%s', but only 1.0 is understood".formatted(version), null);
        }
        String type = required(attributes, "type");
        Class<? extends T> record = records.get(type);
        if (record == null) {
            throw malformed(
                    "unknown ce_type '%s'; this topic holds %s".formatted(type, String.join(", ", records.keySet())),
                    null);
        }
        String id = required(attributes, "id");
        URI source = source(required(attributes, "source"));
        String when = given(attributes, "time");
        Instant time = when == null ? timestamp : time(when);
        byte[] json = data.get();
        T read;
        try {
            read = EventJson.read(json, record);
        } catch (EventFormatException e) {
            throw malformed("the data of event '%s' is %s".formatted(id, e.getMessage()), e);
        }
        String subject = given(attributes, "subject");
        if (subject == null) {
            subject = key == null || key.isEmpty() ? topic.key().apply(read) : key;
        }
        return new Event<>(id, source, time, subject, read);
    }

    private ObjectNode structured(byte[] value) {
        try {
            return EventJson.read(value, ObjectNode.class);
        } catch (EventFormatException e) {
            throw malformed(
                    "the header content-type is '%s', but the value is no JSON object: %s"
                            .formatted(STRUCTURED, e.getMessage()),
                    e);
        }
    }

    private @Nullable String attribute(ObjectNode whole, String name) {
        JsonNode node = whole.get(name);
        if (node == null || node.isNull()) {
            return null;
        } else if (!node.isTextual()) {
            throw malformed("the attribute '%s' is %s, but must be text".formatted(name, node), null);
        }
        return node.textValue();
    }

    private byte[] data(ObjectNode whole) {
        String base64 = attribute(whole, "data_base64");
        JsonNode data = whole.get("data");
        if (base64 != null) {
            try {
                return Base64.getDecoder().decode(base64);
            } catch (IllegalArgumentException e) {
                throw malformed("the field 'data_base64' is no base64: " + e.getMessage(), e);
            }
        } else if (data == null) {
            throw malformed("the field 'data' is missing", null);
        }
        return EventJson.write(data);
    }

    private URI source(String text) {
        try {
            return URI.create(text);
        } catch (IllegalArgumentException e) {
            throw malformed("ce_source is '%s', but must be a URI, for example /my-upload-app".formatted(text), e);
        }
    }

    private Instant time(String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeParseException e) {
            throw malformed(
                    "ce_time is '%s', but must be a date and time of RFC 3339 with its offset, for example 2026-01-31T12:00:00Z"
                            .formatted(text),
                    e);
        }
    }

    private String required(Attributes attributes, String name) {
        String text = given(attributes, name);
        if (text == null) {
            throw malformed(
                    "ce_%s is missing; send CloudEvents 1.0 in binary mode: the headers ce_specversion, ce_id, ce_source and ce_type, and the data as JSON in the value"
                            .formatted(name),
                    null);
        }
        return text;
    }

    private static @Nullable String given(Attributes attributes, String name) {
        String text = attributes.get(name);
        return text == null || text.isEmpty() ? null : text;
    }

    private static @Nullable String text(Headers headers, String key) {
        Header header = headers.lastHeader(key);
        return header == null || header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    private EventFormatException malformed(String problem, @Nullable Throwable cause) {
        return new EventFormatException("topic %s: %s".formatted(topic.name(), problem), cause);
    }

    private static void put(Headers headers, String key, String value) {
        headers.add(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
