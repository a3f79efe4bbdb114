package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.Topic;
import io.aquatint.events.Topics;
import io.aquatint.runtime.config.KafkaConfig;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes events and dead letters; an event is published once every in-sync replica has it. */
public final class EventPublisher implements AutoCloseable {
    private static final int LARGEST_REQUEST = 8 << 20;

    /** Leaves room for our own headers. */
    private static final int LARGEST_DEAD_LETTER = LARGEST_REQUEST - (64 << 10);

    private static final int BEGINNING = 64 << 10;

    private final KafkaProducer<String, byte[]> producer;

    EventPublisher(KafkaConfig config) {
        this.producer = new KafkaProducer<>(
                Map.of(
                        "bootstrap.servers",
                        config.bootstrap(),
                        "acks",
                        "all",
                        "enable.idempotence",
                        "true",
                        "max.request.size",
                        Integer.toString(LARGEST_REQUEST)),
                new StringSerializer(),
                new ByteArraySerializer());
    }

    /** Publishes under the event's own key: its data set, training or model. */
    public <T> CompletableFuture<RecordMetadata> publish(Topic<T> topic, Event<? extends T> event) {
        Headers headers = new RecordHeaders();
        @SuppressWarnings("unchecked") // an Event is immutable, so an event of a subtype is an event of the type
        Event<T> widened = (Event<T>) event;
        byte[] value;
        try (var serializer = topic.serde().serializer()) {
            value = serializer.serialize(topic.name(), headers, widened);
        }
        return send(new ProducerRecord<>(topic.name(), null, topic.keyOf(event), value, headers));
    }

    /**
     * Publishes and waits.
     *
     * @throws KafkaException when Kafka did not take it
     */
    public <T> RecordMetadata publishNow(Topic<T> topic, Event<? extends T> event) {
        return join(publish(topic, event));
    }

    /**
     * Keeps a record that cannot be read or handled, with the reason, and waits until it is kept. Of a record that is larger than a
     * dead letter may be (it came compressed) only the beginning is kept, and how many bytes it had.
     */
    void deadLetter(ConsumerRecord<String, byte[]> record, String reason, String detail) {
        Headers headers = new RecordHeaders(record.headers());
        byte[] value = record.value();
        String key = record.key();
        if (record.serializedKeySize() + record.serializedValueSize() + bytes(headers) > LARGEST_DEAD_LETTER) {
            headers = new RecordHeaders();
            DeadLetters.put(headers, "aquatint_bytes", Integer.toString(record.serializedValueSize()));
            value = value == null ? null : Arrays.copyOf(value, Math.min(value.length, BEGINNING));
            key = key == null ? null : DeadLetters.shortened(key);
        }
        DeadLetters.explained(headers, record, reason, detail);
        join(send(new ProducerRecord<>(Topics.DEAD_LETTERS, null, key, value, headers)));
    }

    private static int bytes(Headers headers) {
        int bytes = 0;
        for (Header header : headers) {
            bytes += header.key().length() + (header.value() == null ? 0 : header.value().length);
        }
        return bytes;
    }

    @Override
    public void close() {
        producer.close();
    }

    private CompletableFuture<RecordMetadata> send(ProducerRecord<String, byte[]> record) {
        var sent = new CompletableFuture<RecordMetadata>();
        var unused = producer.send(record, (metadata, exception) -> {
            if (exception == null) {
                sent.complete(metadata);
            } else {
                sent.completeExceptionally(exception);
            }
        });
        return sent;
    }

    private static RecordMetadata join(CompletableFuture<RecordMetadata> sent) {
        try {
            return sent.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof KafkaException kafka ? kafka : new KafkaException(e.getCause());
        }
    }
}
