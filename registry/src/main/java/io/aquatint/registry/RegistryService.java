package io.aquatint.registry;

import io.aquatint.events.Event;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.Topics;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Failure;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.store.ObjectStore;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.ext.web.Router;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finished trainings in; model versions with their files and lineage out. */
public final class RegistryService implements Service {
    private static final Logger LOG = LoggerFactory.getLogger(RegistryService.class);
    private static final long LOOK_MILLIS = 250;
    private static final long CLOSE_SECONDS = 60;

    private final Kafka kafka;
    private final MeterRegistry metrics;
    private final EventTail tail;
    private final Publishing publishing;
    private final RegistryRoutes routes;
    private final ScheduledExecutorService publisher;
    private volatile @Nullable Health failed;

    public RegistryService(Kafka kafka, ObjectStore store, RegistrySettings settings, MeterRegistry metrics) {
        this.kafka = kafka;
        this.metrics = metrics;
        Catalogue catalogue = new Catalogue(settings.scoreWait());
        this.tail = new EventTail(kafka, "registry")
                .on(Topics.TRAINING_REQUESTS, catalogue::takeRequest)
                .on(Topics.TRAINING_EVENTS, catalogue::takeTraining)
                .on(Topics.VALIDATION_EVENTS, catalogue::takeValidation)
                .on(Topics.MODEL_VERSIONS, catalogue::takeVersion)
                .on(Topics.MODEL_EVENTS, catalogue::takeModel);
        Links links = new Links(store, settings.publicUrl());
        this.publishing = new Publishing(catalogue, new VersionFiles(store, settings.work(), links), new KafkaOutlet());
        this.routes =
                new RegistryRoutes(catalogue, store, links, () -> tail.health().ready());
        this.publisher = Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "registry-publisher"));
        metrics.gauge("aquatint.models.versions", catalogue, known -> known.versions(Optional.empty())
                .size());
    }

    @Override
    public String name() {
        return "registry";
    }

    @Override
    public void start() {
        tail.start();
        var unused =
                publisher.scheduleWithFixedDelay(this::publishDue, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }

    @Override
    public Health health() {
        Health failure = failed;
        return failure == null ? tail.health() : failure;
    }

    @Override
    public void routes(Router router) {
        routes.addTo(router);
    }

    /** Waits for the version in hand. */
    @Override
    public void close() {
        publisher.shutdown();
        try {
            if (!publisher.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("a version is still being made; it is made again after the next start");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        tail.close();
    }

    /** Before everything was read it is not known what was published already. */
    private void publishDue() {
        if (!tail.health().ready()) {
            return;
        }
        try {
            publishing.publishDue(Instant.now());
        } catch (RuntimeException | Error e) {
            if (Failure.of(e) == Failure.TRANSIENT) {
                LOG.warn("publishing is tried again: {}", e.toString());
                return;
            }
            LOG.error("the registry stops publishing", e);
            failed = Health.down("stopped by " + e);
            throw e; // ends the schedule
        }
    }

    private final class KafkaOutlet implements Publishing.Outlet {
        @Override
        public void version(Event<ModelVersion> event) {
            kafka.publisher().publishNow(Topics.MODEL_VERSIONS, event);
            metrics.counter("aquatint.models.published").increment();
        }

        @Override
        public void model(Event<ModelEvent> event) {
            kafka.publisher().publishNow(Topics.MODEL_EVENTS, event);
            metrics.counter("aquatint.models.announced", "type", event.type()).increment();
        }
    }
}
