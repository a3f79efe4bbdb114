package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.FailureReason;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.StopTraining;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.trainer.TrainerMain;
import io.aquatint.trainer.TrainerService;
import io.aquatint.trainer.TrainerSettings;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Trainers, with a real broker and a real store. */
@Timeout(180)
final class TrainerServiceIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    private static final URI SOURCE = URI.create("/test");

    @TempDir
    static Path work;

    private final BlockingQueue<TrainingEvent> told = new LinkedBlockingQueue<>();
    private EventTail tail;

    @BeforeEach
    void listen() {
        tail = new EventTail(INFRASTRUCTURE.kafka(), "test")
                .on(Topics.TRAINING_EVENTS, event -> told.add(event.data()));
        tail.start();
    }

    @AfterEach
    void listenNoMore() {
        tail.close();
    }

    @Test
    void aRequestIsTrainedAndItsAdapterIsInTheStore() throws Exception {
        try (TrainerService trainer = trainer("whole")) {
            trainer.start();
            request("whole", 4);

            List<TrainingEvent> events = until("whole/1", TrainingCompleted.class);

            TrainingCompleted completed = (TrainingCompleted) events.get(events.size() - 1);
            assertThat(completed.step()).isEqualTo(4);
            byte[] adapter = INFRASTRUCTURE.store().get(completed.objectKey());
            assertThat(Sha256.of(adapter)).isEqualTo(completed.sha256());
            assertThat(of(events, CheckpointSaved.class))
                    .extracting(CheckpointSaved::step)
                    .containsExactly(3, 4);
        }
    }

    @Test
    void aTrainingWhoseTrainerIsClosedIsContinuedByAnotherFromItsLastCheckpoint() throws Exception {
        List<TrainingEvent> before;
        try (TrainerService first = trainer("first")) {
            first.start();
            request("moved", 30);
            before = until("moved/1", CheckpointSaved.class);
        }
        try (TrainerService second = trainer("second")) {
            second.start();

            List<TrainingEvent> events = new ArrayList<>(before);
            events.addAll(until("moved/1", TrainingCompleted.class));

            List<TrainingStarted> started = of(events, TrainingStarted.class);
            assertThat(started).extracting(TrainingStarted::worker).containsExactly("first", "second");
            assertThat(started).extracting(TrainingStarted::epoch).containsExactly(1, 2);
            int resumed = started.get(1).startStep();
            assertThat(resumed).isBetween(3, 29);
            assertThat(of(events, CheckpointSaved.class))
                    .anyMatch(saved -> saved.epoch() == 1 && saved.step() == resumed);
            assertThat(of(events, CheckpointSaved.class))
                    .noneMatch(saved -> saved.epoch() == 2 && saved.step() <= resumed);
            assertThat(of(events, TrainingFailed.class)).isEmpty();
            TrainingCompleted completed = (TrainingCompleted) events.get(events.size() - 1);
            assertThat(completed.step()).isEqualTo(30);
            assertThat(completed.epoch()).isEqualTo(2);
        }
    }

    @Test
    void aTrainingWhoseTrainerIsKilledIsContinuedByAnother() throws Exception {
        request("killed", 40);
        List<TrainingEvent> events = new ArrayList<>();
        Process process = ServiceJvm.start(
                INFRASTRUCTURE,
                TrainerMain.class,
                "512m",
                work.resolve("victim.log"),
                Map.of("AQUATINT_TRAINER_WORK", work.toString(), "AQUATINT_TRAINER_WORKER_NAME", "victim"));
        try {
            events.addAll(until("killed/1", CheckpointSaved.class));
        } finally {
            process.destroyForcibly().waitFor();
        }
        try (TrainerService heir = trainer("heir")) {
            heir.start();
            events.addAll(until("killed/1", TrainingCompleted.class));
        }

        List<TrainingStarted> started = of(events, TrainingStarted.class);
        assertThat(started).extracting(TrainingStarted::worker).containsExactly("victim", "heir");
        assertThat(started.get(1).startStep()).isBetween(3, 39);
        assertThat(of(events, TrainingFailed.class)).isEmpty();
        assertThat(of(events, TrainingCompleted.class).get(0).step()).isEqualTo(40);
    }

    @Test
    void aTrainingStopsWhereItIsToldTo() throws Exception {
        try (TrainerService trainer = trainer("stopped")) {
            trainer.start();
            request("stopped", 100_000);
            until("stopped/1", CheckpointSaved.class);

            stop("stopped/1");

            List<TrainingEvent> events = until("stopped/1", TrainingCompleted.class);
            TrainingCompleted completed = (TrainingCompleted) events.get(events.size() - 1);
            assertThat(completed.step()).isBetween(3, 99_999);
        }
    }

    @Test
    void aTrainingThatFailsLeavesTheTrainerForTheNextOne() throws Exception {
        try (TrainerService trainer = trainer("robust")) {
            trainer.start();
            TrainingRequested request = requested("missing", 4);
            INFRASTRUCTURE.store().delete(request.images().get(0).objectKey());
            publish(request);
            request("after", 3);

            List<TrainingEvent> failed = until("missing/1", TrainingFailed.class);
            until("after/1", TrainingCompleted.class);

            TrainingFailed last = (TrainingFailed) failed.get(failed.size() - 1);
            assertThat(last.reason()).isEqualTo(FailureReason.IMAGE_MISSING);
            assertThat(last.willRetry()).isFalse();
            assertThat(trainer.health().ready()).isTrue();
        }
    }

    @Test
    void aTrainingMayBeHandedBackMoreOftenThanKafkaDeliversAJob() throws Exception {
        request("wandering", 1000);
        List<TrainingEvent> events = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            try (TrainerService trainer = trainer("wanderer-" + i)) {
                trainer.start();
                events.addAll(until("wandering/1", TrainingStarted.class));
                events.addAll(until("wandering/1", TrainingProgress.class));
            }
        }
        stop("wandering/1");
        try (TrainerService trainer = trainer("last")) {
            trainer.start();
            events.addAll(until("wandering/1", TrainingCompleted.class));
        }

        assertThat(of(events, TrainingStarted.class))
                .extracting(TrainingStarted::epoch)
                .containsExactly(1, 2, 3, 4, 5, 6, 7);
        assertThat(of(events, TrainingFailed.class)).isEmpty();
    }

    @Test
    void aStoreThatTakesNoStateUsesUpTheAttempts() throws Exception {
        try (TrainerService trainer = trainer("unlucky", withoutStates())) {
            trainer.start();
            request("unlucky", 3);

            List<TrainingEvent> events = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                events.addAll(until("unlucky/1", TrainingFailed.class));
            }

            assertThat(of(events, TrainingFailed.class))
                    .extracting(TrainingFailed::reason)
                    .containsExactly(
                            FailureReason.UNAVAILABLE, FailureReason.UNAVAILABLE, FailureReason.DELIVERIES_EXHAUSTED);
        }
    }

    /** The store, but that it takes no state of a training. */
    private static ObjectStore withoutStates() {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("put") && ((String) arguments[0]).endsWith("state.safetensors")) {
                        throw new ObjectStoreException("cannot store a state", new IOException("planted"));
                    }
                    try {
                        return method.invoke(INFRASTRUCTURE.store(), arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static TrainerService trainer(String name) {
        return trainer(name, INFRASTRUCTURE.store());
    }

    private static TrainerService trainer(String name, ObjectStore store) {
        return new TrainerService(
                INFRASTRUCTURE.kafka(),
                store,
                new TrainerSettings(work, name, 3, Duration.ofSeconds(1)),
                new SimpleMeterRegistry());
    }

    /** The events of a training up to the first of a type. */
    private List<TrainingEvent> until(String trainingId, Class<? extends TrainingEvent> type)
            throws InterruptedException {
        List<TrainingEvent> events = new ArrayList<>();
        while (true) {
            TrainingEvent event = told.poll(120, TimeUnit.SECONDS);
            assertThat(event).as("nothing came in two minutes after %s", events).isNotNull();
            if (event.trainingId().equals(trainingId)) {
                events.add(event);
                if (type.isInstance(event)) {
                    return events;
                }
            }
        }
    }

    private static <T> List<T> of(List<TrainingEvent> events, Class<T> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    private static void stop(String trainingId) {
        INFRASTRUCTURE
                .kafka()
                .publisher()
                .publishNow(
                        Topics.TRAINING_COMMANDS,
                        Event.of(
                                "stop:" + trainingId,
                                SOURCE,
                                Instant.now(),
                                trainingId,
                                new StopTraining(trainingId, "TEST", "a test says so")));
    }

    private static void request(String dataset, int steps) {
        publish(requested(dataset, steps));
    }

    private static void publish(TrainingRequested request) {
        INFRASTRUCTURE
                .kafka()
                .publisher()
                .publishNow(
                        Topics.TRAINING_REQUESTS,
                        Event.of(request.trainingId(), SOURCE, Instant.now(), request.trainingId(), request));
    }

    private static TrainingRequested requested(String dataset, int steps) {
        var random = new Random(dataset.hashCode());
        List<ManifestImage> images = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            byte[] rgb = new byte[3 * 64 * 64];
            random.nextBytes(rgb);
            byte[] png = new Picture(64, 64, rgb).toPng();
            String sha256 = Sha256.of(png);
            String key = "images/%s/%s.png".formatted(sha256.substring(0, 2), sha256);
            INFRASTRUCTURE.store().put(key, png, "image/png");
            images.add(new ManifestImage(sha256, key, "a photo of a sks mug", 1));
        }
        ObjectNode spec = EventJson.mapper().createObjectNode();
        spec.put("resolution", 64);
        spec.put("rank", 2);
        spec.put("steps", steps);
        spec.put("checkpointEvery", 3);
        return new TrainingRequested(
                dataset + "/1",
                dataset,
                1,
                EventJson.read(EventJson.write(spec), TrainingSpec.class),
                images.subList(0, 2),
                images.subList(2, 3));
    }
}
