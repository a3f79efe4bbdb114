package io.aquatint.standalone;

import io.aquatint.events.Topic;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** An upload app that knows nothing of ours: JSON in the value, CloudEvents attributes in the headers. */
final class PlainProducer implements AutoCloseable {
    private final KafkaProducer<String, String> producer;

    PlainProducer(String bootstrap) {
        this(bootstrap, Map.of());
    }

    /** @param settings of Kafka's producer */
    PlainProducer(String bootstrap, Map<String, Object> settings) {
        var all = new HashMap<>(settings);
        all.put("bootstrap.servers", bootstrap);
        producer = new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    /** Sends a record and waits until Kafka has it. */
    void send(Topic<?> topic, String key, String id, String type, String json) throws Exception {
        var record = new ProducerRecord<>(topic.name(), key, json);
        Map.of("ce_specversion", "1.0", "ce_id", id, "ce_source", "/my-upload-app", "ce_type", type)
                .forEach((name, value) -> record.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        producer.send(record).get(30, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        producer.close();
    }
}
