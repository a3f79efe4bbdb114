package io.aquatint.events;

import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serde;
import org.jspecify.annotations.Nullable;

/**
 * A topic: its name, the family of its events and how Kafka keeps it.
 *
 * @param family a sealed interface over records, or one record
 * @param key the key under which an event is kept, from its data
 * @param config Kafka's topic settings
 */
public record Topic<T>(
        String name, Class<T> family, Function<? super T, String> key, int partitions, Map<String, String> config) {

    public Topic {
        config = Map.copyOf(config);
    }

    /** Reads and writes this topic's events as CloudEvents; see {@link #read} for what it cannot know. */
    public Serde<Event<T>> serde() {
        return new EventSerde<>(this);
    }

    /**
     * Reads a record of this topic; null is a tombstone. Where its producer sent no {@code ce_subject} or {@code ce_time},
     * the record's key and timestamp stand in.
     *
     * @throws EventFormatException if it is no event of this topic
     */
    public @Nullable Event<T> read(ConsumerRecord<String, byte[]> record) {
        return new EventSerde<>(this).read(record);
    }

    /** The key under which an event is kept: its data set, its training or its model. */
    public String keyOf(Event<? extends T> event) {
        return key.apply(event.data());
    }

    /** The records that may stand in this topic, by CloudEvents type. */
    public Map<String, Class<? extends T>> records() {
        return EventTypes.recordsOf(family);
    }
}
