package io.aquatint.standalone;

import io.aquatint.ingest.IngestMain;
import io.aquatint.ingest.IngestSettings;
import io.aquatint.registry.RegistryService;
import io.aquatint.registry.RegistrySettings;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.trainer.TrainerService;
import io.aquatint.trainer.TrainerSettings;
import io.aquatint.validator.ValidatorService;
import io.aquatint.validator.ValidatorSettings;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Broker, object store and all services in one JVM, on loopback; all that they keep is in one folder. */
public final class Standalone implements AutoCloseable {
    private static final Duration READY = Duration.ofMinutes(1);

    private final EmbeddedBroker broker;
    private final EmbeddedObjectStore objects;
    private final ServiceProcess process;
    private final Path objectFolder;

    private Standalone(EmbeddedBroker broker, EmbeddedObjectStore objects, ServiceProcess process, Path objectFolder) {
        this.broker = broker;
        this.objects = objects;
        this.process = process;
        this.objectFolder = objectFolder;
    }

    /**
     * Starts everything on what an earlier process left in the data folder, or on nothing.
     *
     * @throws RuntimeException when a part cannot start; what had started is closed again
     */
    public static Standalone start(StandaloneConfig config) {
        Path data = config.data().toAbsolutePath();
        try {
            Files.createDirectories(data);
        } catch (IOException e) {
            throw new UncheckedIOException("the data folder %s cannot be made".formatted(data), e);
        }
        Path objectFolder = data.resolve("objects");
        EmbeddedBroker broker = EmbeddedBroker.start(data.resolve("kafka"), config.kafkaPort());
        EmbeddedObjectStore objects = null;
        try {
            objects = EmbeddedObjectStore.start(objectFolder, config.storePort());
            int port = FreePort.of(config.http().port());
            var http = new HttpConfig(config.http().host(), port);
            var kafka = new KafkaConfig(broker.bootstrap());
            ObjectStoreConfig store = objects.config();
            Path work = data.resolve("work");
            var ingest = new IngestSettings(config.maxBytes(), config.maxPixels(), work.resolve("ingest"));
            String address = "http://%s:%d".formatted(http.host(), http.port());
            var registry = new RegistrySettings(work, config.scoreWait(), address);
            var process = new ServiceProcess(
                    kafka,
                    store,
                    http,
                    (connected, opened, metrics) -> services(connected, opened, ingest, registry, work, metrics));
            return new Standalone(broker, objects, process, objectFolder.resolve(store.bucket()));
        } catch (RuntimeException | Error e) {
            if (objects != null) {
                objects.close();
            }
            broker.close();
            throw e;
        }
    }

    /** All services, those that follow the events of others first. */
    static List<Service> services(
            Kafka kafka,
            ObjectStore store,
            IngestSettings ingest,
            RegistrySettings registry,
            Path work,
            MeterRegistry metrics) {
        var services = new ArrayList<Service>();
        services.add(new RegistryService(kafka, store, registry, metrics));
        services.add(new ValidatorService(kafka, store, new ValidatorSettings(work), metrics));
        services.add(new TrainerService(kafka, store, TrainerSettings.in(work), metrics));
        services.addAll(IngestMain.services(kafka, store, ingest, metrics));
        return services;
    }

    /** For {@code bootstrap.servers}. */
    public String bootstrap() {
        return broker.bootstrap();
    }

    /** How clients reach the object store. */
    public ObjectStoreConfig storeConfig() {
        return objects.config();
    }

    /** Where REST, health and metrics are. */
    public URI http() {
        return process.address();
    }

    public Kafka kafka() {
        return process.kafka();
    }

    public ObjectStore store() {
        return process.store();
    }

    /** Where a person finds an object: its file. */
    public String place(String objectKey) {
        return objectFolder.resolve(objectKey).toString();
    }

    /** Why it cannot go on; empty while all is well. */
    public Optional<String> failure() {
        return process.failure();
    }

    /**
     * Waits until every service is ready for work.
     *
     * @throws IllegalStateException when one stopped, or is not ready in a minute
     */
    public void awaitReady() {
        process.awaitReady(READY);
    }

    /**
     * Waits for Ctrl-C or SIGTERM and closes everything before the JVM goes.
     *
     * @throws IllegalStateException when a service stopped
     */
    public void awaitEnd() {
        process.awaitEnd(this);
    }

    /** Closes the services first, then what they stand on. */
    @Override
    public void close() {
        try (broker;
                objects) {
            process.close();
        }
    }
}
