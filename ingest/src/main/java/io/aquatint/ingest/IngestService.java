package io.aquatint.ingest;

import io.aquatint.events.DatasetEvent;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.Topics;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.VerdictEvent;
import io.aquatint.runtime.kafka.EventLoop;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.store.ObjectStore;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.vertx.ext.web.Router;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Uploads in, verdicts out; and the HTTP door for apps without Kafka. */
public final class IngestService implements Service {
    /** Far beyond what the pictures of a poll take. */
    private static final Duration LONGEST_HANDLING = Duration.ofMinutes(5);

    private final EventLoop uploads;
    private final UploadDoor door;
    private final MeterRegistry metrics;
    private final Timer handling;

    public IngestService(Kafka kafka, ObjectStore store, IngestSettings settings, MeterRegistry metrics) {
        this.metrics = metrics;
        this.handling = metrics.timer("aquatint.uploads");
        var specs = new SpecStore(store);
        var handler =
                new UploadHandler(store, specs, settings.limits(), Clock.systemUTC(), new UploadHandler.Verdicts() {
                    @Override
                    public void verdict(Event<VerdictEvent> event) {
                        kafka.publisher().publishNow(Topics.IMAGE_VERDICTS, event);
                        count(event.data());
                    }

                    @Override
                    public void dataset(Event<DatasetEvent> event) {
                        kafka.publisher().publishNow(Topics.DATASET_EVENTS, event);
                    }
                });
        this.uploads = new EventLoop(kafka, "ingest")
                .longestHandling(LONGEST_HANDLING)
                .atOnce(settings.limits().picturesAtOnce())
                .on(Topics.IMAGE_UPLOADS, ImageUploaded.class::isInstance, event -> prepare(handler, event));
        this.door = new UploadDoor(store, specs, settings, event -> publish(kafka, event));
    }

    @Override
    public String name() {
        return "ingest";
    }

    @Override
    public void start() {
        uploads.start();
    }

    @Override
    public Health health() {
        return uploads.health();
    }

    @Override
    public void routes(Router router) {
        door.routes(router);
    }

    @Override
    public void close() {
        uploads.close();
    }

    private EventLoop.Turn prepare(UploadHandler handler, Event<UploadEvent> event) {
        long begun = System.nanoTime();
        Runnable rest = handler.prepare(event);
        long prepared = System.nanoTime() - begun;
        return () -> {
            long turn = System.nanoTime();
            rest.run();
            handling.record(prepared + System.nanoTime() - turn, TimeUnit.NANOSECONDS);
        };
    }

    private static void publish(Kafka kafka, Event<UploadEvent> event) {
        kafka.publisher().publishNow(Topics.IMAGE_UPLOADS, event);
    }

    private void count(VerdictEvent verdict) {
        if (verdict instanceof ImageAccepted accepted) {
            metrics.counter("aquatint.images.accepted").increment();
            metrics.counter("aquatint.images.accepted.bytes").increment((double) accepted.bytes());
        } else if (verdict instanceof ImageRejected rejected) {
            metrics.counter(
                            "aquatint.images.rejected",
                            "reason",
                            rejected.reason().name())
                    .increment();
        }
    }
}
