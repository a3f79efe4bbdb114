package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.Topic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.jspecify.annotations.Nullable;

/** Reads events out of raw records; null is a tombstone. */
final class RecordReader {
    private RecordReader() {}

    static <T> @Nullable Event<T> read(Topic<T> topic, ConsumerRecord<String, byte[]> record) {
        try (var deserializer = topic.serde().deserializer()) {
            return deserializer.deserialize(topic.name(), record.headers(), record.value());
        }
    }
}
