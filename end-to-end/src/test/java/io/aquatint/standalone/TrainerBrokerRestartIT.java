package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.kafka.TopicAdmin;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.trainer.TrainerService;
import io.aquatint.trainer.TrainerSettings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two trainers whose broker goes away and comes back, with which every lock is lost and every delivery is the first again. */
@Timeout(180)
final class TrainerBrokerRestartIT {
    private static final URI SOURCE = URI.create("/test");

    @TempDir
    Path folder;

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final BlockingQueue<TrainingEvent> told = new LinkedBlockingQueue<>();

    @Test
    void aTrainingOutlivesItsBroker() throws Exception {
        int port = freePort();
        EmbeddedBroker broker = EmbeddedBroker.start(folder.resolve("kafka"), port);
        try (var kafka = new Kafka(new KafkaConfig(broker.bootstrap()))) {
            new TopicAdmin(kafka).ensure(Topics.all());
            try (var tail = new EventTail(kafka, "test").on(Topics.TRAINING_EVENTS, event -> told.add(event.data()));
                    TrainerService one = trainer(kafka, "one");
                    TrainerService other = trainer(kafka, "other")) {
                tail.start();
                one.start();
                other.start();
                kafka.publisher()
                        .publishNow(
                                Topics.TRAINING_REQUESTS,
                                Event.of("mugs/1", SOURCE, Instant.now(), "mugs/1", request()));
                until(CheckpointSaved.class);

                broker.close();
                broker = EmbeddedBroker.start(folder.resolve("kafka"), port);

                List<TrainingEvent> events = until(TrainingCompleted.class);

                assertThat(events).noneMatch(TrainingFailed.class::isInstance);
                TrainingCompleted completed = (TrainingCompleted) events.get(events.size() - 1);
                assertThat(completed.step()).isEqualTo(60);
                assertThat(Sha256.of(store.get(completed.objectKey()))).isEqualTo(completed.sha256());
                assertThat(one.health().live()).as(one.health().detail()).isTrue();
                assertThat(other.health().live()).as(other.health().detail()).isTrue();
            }
        } finally {
            broker.close();
        }
    }

    private TrainerService trainer(Kafka kafka, String name) {
        return new TrainerService(
                kafka,
                store,
                new TrainerSettings(folder.resolve("work"), name, 3, Duration.ofSeconds(1)),
                new SimpleMeterRegistry());
    }

    private List<TrainingEvent> until(Class<? extends TrainingEvent> type) throws InterruptedException {
        List<TrainingEvent> events = new ArrayList<>();
        while (true) {
            TrainingEvent event = told.poll(120, TimeUnit.SECONDS);
            assertThat(event).as("nothing came in two minutes after %s", events).isNotNull();
            events.add(event);
            if (type.isInstance(event)) {
                return events;
            }
        }
    }

    private TrainingRequested request() {
        var random = new Random(1);
        List<ManifestImage> images = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            byte[] rgb = new byte[3 * 64 * 64];
            random.nextBytes(rgb);
            byte[] png = new Picture(64, 64, rgb).toPng();
            store.put("images/%d.png".formatted(i), png, "image/png");
            images.add(new ManifestImage(Sha256.of(png), "images/%d.png".formatted(i), "a photo of a mug", 1));
        }
        TrainingSpec spec = EventJson.read(
                "{\"resolution\": 64, \"rank\": 2, \"steps\": 60, \"checkpointEvery\": 3}"
                        .getBytes(StandardCharsets.UTF_8),
                TrainingSpec.class);
        return new TrainingRequested("mugs/1", "mugs", 1, spec, images, List.of());
    }

    private static int freePort() throws Exception {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
