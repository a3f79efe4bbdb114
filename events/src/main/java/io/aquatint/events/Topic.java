package io.aquatint.events;

import java.util.Map;
import org.apache.kafka.common.serialization.Serde;

/**
 * A topic: its name, the family of its events and how Kafka keeps it.
 *
 * @param family a sealed interface over records, or one record
 * @param config Kafka's topic settings
 */
public record Topic<T>(String name, Class<T> family, int partitions, Map<String, String> config) {

    public Topic {
        config = Map.copyOf(config);
    }

    /** Reads and writes this topic's events as CloudEvents in binary mode. */
    public Serde<Event<T>> serde() {
        return new EventSerde<>(this);
    }

    /** The records that may stand in this topic, by CloudEvents type. */
    public Map<String, Class<? extends T>> records() {
        return EventTypes.recordsOf(family);
    }
}
