package io.aquatint.runtime.kafka;

import io.aquatint.runtime.config.KafkaConfig;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.jspecify.annotations.Nullable;

/** Where Kafka is, and one idempotent producer that everyone in this process shares. */
public final class Kafka implements AutoCloseable {
    private final KafkaConfig config;
    private final EventPublisher publisher;

    public Kafka(KafkaConfig config) {
        this.config = config;
        this.publisher = new EventPublisher(config);
    }

    public KafkaConfig config() {
        return config;
    }

    public EventPublisher publisher() {
        return publisher;
    }

    public Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", config.bootstrap()));
    }

    /**
     * A consumer of raw records that commits only when told to and begins at the beginning.
     *
     * @param longestHandling so long the records of a poll may take before their partitions go to another member; absent for Kafka's
     *     own limit, which is five minutes
     * @param records how many a poll gives at most where they may take longer than Kafka's own limit
     */
    KafkaConsumer<String, byte[]> consumer(String group, @Nullable Duration longestHandling, int records) {
        var properties = new HashMap<String, Object>();
        properties.put("bootstrap.servers", config.bootstrap());
        properties.put("group.id", group);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        properties.put("isolation.level", "read_committed");
        properties.put("max.partition.fetch.bytes", "8388608");
        // A process that died without a word gives up its partitions after ten seconds rather than Kafka's 45.
        properties.put("session.timeout.ms", "10000");
        properties.put("heartbeat.interval.ms", "2000");
        if (longestHandling != null) {
            properties.put("max.poll.records", Integer.toString(records));
            properties.put("max.poll.interval.ms", Long.toString(longestHandling.toMillis()));
        }
        return new KafkaConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer());
    }

    /** A consumer of raw records that belongs to no group: it is told what to read. */
    KafkaConsumer<String, byte[]> observer() {
        return new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers", config.bootstrap(),
                        "enable.auto.commit", "false",
                        "auto.offset.reset", "earliest",
                        "isolation.level", "read_committed",
                        "max.partition.fetch.bytes", "8388608"),
                new StringDeserializer(),
                new ByteArrayDeserializer());
    }

    /** A share consumer that holds one raw record at a time. */
    KafkaShareConsumer<String, byte[]> shareConsumer(String group) {
        var properties = new HashMap<String, Object>();
        properties.put("bootstrap.servers", config.bootstrap());
        properties.put("group.id", group);
        properties.put("share.acknowledgement.mode", "explicit");
        properties.put("share.acquire.mode", "record_limit");
        properties.put("max.poll.records", "1");
        properties.put("max.poll.interval.ms", "3600000");
        return new KafkaShareConsumer<>(properties, new StringDeserializer(), new ByteArrayDeserializer());
    }

    @Override
    public void close() {
        publisher.close();
    }
}
