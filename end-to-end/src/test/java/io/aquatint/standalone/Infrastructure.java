package io.aquatint.standalone;

import io.aquatint.events.Topics;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.kafka.TopicAdmin;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.S3ObjectStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A broker and an object store of a test class's own, with all topics and the bucket, and clients of both. */
final class Infrastructure implements BeforeAllCallback, AfterAllCallback {
    private Path folder;
    private EmbeddedBroker broker;
    private EmbeddedObjectStore objects;
    private Kafka kafka;
    private S3ObjectStore store;

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        folder = Files.createTempDirectory("aquatint-it");
        broker = EmbeddedBroker.start(folder.resolve("kafka"), 0);
        objects = EmbeddedObjectStore.start(folder.resolve("objects"), 0);
        kafka = new Kafka(new KafkaConfig(broker.bootstrap()));
        new TopicAdmin(kafka).ensure(Topics.all());
        store = new S3ObjectStore(objects.config());
        store.ensureBucket();
    }

    @Override
    public void afterAll(ExtensionContext context) throws IOException {
        store.close();
        kafka.close();
        objects.close();
        broker.close();
        try (var files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    Kafka kafka() {
        return kafka;
    }

    ObjectStore store() {
        return store;
    }

    EmbeddedBroker broker() {
        return broker;
    }

    EmbeddedObjectStore objects() {
        return objects;
    }
}
