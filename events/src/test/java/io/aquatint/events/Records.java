package io.aquatint.events;

import io.aquatint.events.Examples.Example;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.jspecify.annotations.Nullable;

/** Records as Kafka hands them over. */
final class Records {
    /** 2026-01-31T13:00:00Z, an hour after the examples' time. */
    static final long TIMESTAMP = 1_769_864_400_000L;

    private Records() {}

    static <T> ConsumerRecord<String, byte[]> of(Topic<T> topic, Event<? extends T> event) {
        Headers headers = new RecordHeaders();
        byte[] value = topic.serde().serializer().serialize(topic.name(), headers, widened(event));
        return of(topic, topic.keyOf(event), headers, value);
    }

    static ConsumerRecord<String, byte[]> of(
            Topic<?> topic, @Nullable String key, Map<String, String> headers, byte @Nullable [] value) {
        Headers binary = new RecordHeaders();
        headers.forEach((name, text) -> binary.add(name, text.getBytes(StandardCharsets.UTF_8)));
        return of(topic, key, binary, value);
    }

    static ConsumerRecord<String, byte[]> of(
            Topic<?> topic, @Nullable String key, Headers headers, byte @Nullable [] value) {
        return new ConsumerRecord<>(
                topic.name(), 0, 0, TIMESTAMP, TimestampType.CREATE_TIME, 0, 0, key, value, headers, Optional.empty());
    }

    /** The headers with which an example is written. */
    static Map<String, String> headers(Example<?> example) {
        return headers(record(example));
    }

    static Map<String, String> headers(ConsumerRecord<String, byte[]> record) {
        Map<String, String> texts = new LinkedHashMap<>();
        record.headers().forEach(header -> texts.put(header.key(), new String(header.value(), StandardCharsets.UTF_8)));
        return texts;
    }

    static <T> ConsumerRecord<String, byte[]> record(Example<T> example) {
        return of(example.topic(), example.event());
    }

    @SuppressWarnings("unchecked") // an Event is immutable, so an event of a subtype is an event of the type
    private static <T> Event<T> widened(Event<? extends T> event) {
        return (Event<T>) event;
    }
}
