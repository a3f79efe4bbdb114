package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.Event;
import io.aquatint.events.StopTraining;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCommand;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.kafka.EventLoop;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Outcome;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.kafka.ShareWorker;
import io.aquatint.runtime.store.ObjectStoreException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The parts that every service stands on, with a real broker. */
@Timeout(120)
final class RuntimeIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    private static final URI SOURCE = URI.create("/test");

    @Test
    void aLoopHandlesEveryEventAndGoesOnWhereItWasStopped() throws Exception {
        BlockingQueue<String> handled = new LinkedBlockingQueue<>();
        command("loop/1", "a");
        try (var loop = stops("loop-group", "loop/1", handled)) {
            loop.start();
            assertThat(handled.poll(30, TimeUnit.SECONDS)).isEqualTo("a");
        }
        command("loop/1", "b");
        try (var loop = stops("loop-group", "loop/1", handled)) {
            loop.start();
            assertThat(handled.poll(30, TimeUnit.SECONDS)).isEqualTo("b");
        }
        assertThat(handled).isEmpty();
    }

    @Test
    void aLoopTriesAgainWhatTheWorldPreventedAndKeepsTheOrder() throws Exception {
        var attempts = new AtomicInteger();
        BlockingQueue<String> handled = new LinkedBlockingQueue<>();
        command("retry/1", "a");
        command("retry/1", "b");
        try (var loop = new EventLoop(INFRASTRUCTURE.kafka(), "retry-group").on(Topics.TRAINING_COMMANDS, event -> {
            if (!event.data().trainingId().equals("retry/1")) {
                return;
            }
            if (attempts.incrementAndGet() < 3) {
                throw new ObjectStoreException("the store is away", new IllegalStateException("planted"));
            }
            handled.add(((StopTraining) event.data()).reason());
        })) {
            loop.start();
            assertThat(handled.poll(30, TimeUnit.SECONDS)).isEqualTo("a");
            assertThat(handled.poll(30, TimeUnit.SECONDS)).isEqualTo("b");
            assertThat(attempts).hasValue(4);
        }
    }

    @Test
    void eventsArePreparedTogetherAndFinishedInTheirOrder() throws Exception {
        var together = new CountDownLatch(2);
        List<String> finishedBeforeC = new CopyOnWriteArrayList<>();
        BlockingQueue<String> finished = new LinkedBlockingQueue<>();
        List<String> all = List.of("a", "b", "wait", "c", "d");
        for (String reason : all) {
            command("ahead/1", reason);
        }
        try (var loop = ahead("ahead-group", "ahead/1", finished, reason -> {
            if (reason.equals("a") || reason.equals("b")) {
                together.countDown();
                if (!together.await(60, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("nobody prepared the other one");
                }
                TimeUnit.MILLISECONDS.sleep(reason.equals("a") ? 300 : 0);
            } else if (reason.equals("c")) {
                finishedBeforeC.addAll(finished);
            }
        })) {
            loop.start();
            for (int i = 0; i < 600 && finished.size() < all.size(); i++) {
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
        assertThat(finished).containsExactlyElementsOf(all);
        assertThat(finishedBeforeC).containsExactly("a", "b", "wait");
    }

    @Test
    void whatCannotBePreparedYetHoldsUpWhatIsBehindItAndNothingIsCommittedBeforeItsTurn() throws Exception {
        var attempts = new AtomicInteger();
        BlockingQueue<String> finished = new LinkedBlockingQueue<>();
        for (String reason : List.of("a", "b", "broken", "c")) {
            command("held-up/1", reason);
        }
        try (var loop = ahead("held-up-group", "held-up/1", finished, reason -> {
            if (reason.equals("b") && attempts.incrementAndGet() < 3) {
                throw new ObjectStoreException("the store is away", new IllegalStateException("planted"));
            } else if (reason.equals("broken")) {
                throw new PermanentException("planted");
            }
        })) {
            loop.start();
            for (String reason : List.of("a", "b", "c")) {
                assertThat(finished.poll(60, TimeUnit.SECONDS)).isEqualTo(reason);
            }
        }
        assertThat(attempts).hasValueGreaterThanOrEqualTo(3);
        assertThat(finished).isEmpty();
        assertThat(deadLetters().get("held-up/1")).contains("PERMANENT").contains("planted");

        command("held-up/1", "after");
        try (var loop = ahead("held-up-group", "held-up/1", finished, reason -> {})) {
            loop.start();
            assertThat(finished.poll(60, TimeUnit.SECONDS)).isEqualTo("after");
        }
        assertThat(finished).isEmpty();
    }

    @Test
    void aLoopThatEndsWithPreparedEventsHandlesThemAfterItsNextStart() throws Exception {
        BlockingQueue<String> finished = new LinkedBlockingQueue<>();
        var prepared = new CountDownLatch(3);
        var first = new CountDownLatch(1);
        for (String reason : List.of("a", "b", "c")) {
            command("ended/1", reason);
        }
        var loop = new EventLoop(INFRASTRUCTURE.kafka(), "ended-group")
                .longestHandling(Duration.ofMinutes(1))
                .atOnce(2)
                .on(Topics.TRAINING_COMMANDS, data -> true, event -> {
                    if (event.data().trainingId().equals("ended/1")) {
                        prepared.countDown();
                        return () -> {
                            first.countDown();
                            prepared.await();
                            TimeUnit.MILLISECONDS.sleep(500);
                            finished.add(((StopTraining) event.data()).reason());
                        };
                    }
                    return () -> {};
                });
        loop.start();
        assertThat(first.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(prepared.await(60, TimeUnit.SECONDS)).isTrue();
        loop.close();
        assertThat(finished).containsExactly("a");

        try (var next = ahead("ended-group", "ended/1", finished, reason -> {})) {
            next.start();
            for (String reason : List.of("a", "b", "c")) {
                assertThat(finished.poll(60, TimeUnit.SECONDS)).isEqualTo(reason);
            }
        }
        assertThat(finished).isEmpty();
    }

    @Test
    void aRecordThatIsNoEventBecomesADeadLetterAndTheNextOneIsHandled() throws Exception {
        raw(Topics.TRAINING_COMMANDS.name(), "broken/1", "no event".getBytes(StandardCharsets.UTF_8));
        command("broken/1", "good");
        BlockingQueue<String> handled = new LinkedBlockingQueue<>();
        try (var loop = stops("broken-group", "broken/1", handled)) {
            loop.start();
            assertThat(handled.poll(30, TimeUnit.SECONDS)).isEqualTo("good");
        }
        assertThat(deadLetters().get("broken/1")).contains("UNDECODABLE").contains("ce_specversion");
    }

    @Test
    void aTailSeesEverythingFromTheBeginningAndFollows() throws Exception {
        command("tail/1", "before");
        List<String> seen = new CopyOnWriteArrayList<>();
        var after = new CountDownLatch(1);
        try (var tail = new EventTail(INFRASTRUCTURE.kafka(), "test").on(Topics.TRAINING_COMMANDS, event -> {
            if (event.data().trainingId().equals("tail/1")) {
                seen.add(((StopTraining) event.data()).reason());
                if (seen.contains("after")) {
                    after.countDown();
                }
            }
        })) {
            tail.start();
            tail.caughtUp().get(30, TimeUnit.SECONDS);
            assertThat(seen).containsExactly("before");
            command("tail/1", "after");
            assertThat(after.await(30, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void twoWorkersShareTheJobsOfOneGroup() throws Exception {
        var bothBusy = new CountDownLatch(2);
        BlockingQueue<String> done = new LinkedBlockingQueue<>();
        ShareWorker.Handler<TrainingRequest> handler = (event, deliveries, lease) -> {
            bothBusy.countDown();
            if (!bothBusy.await(60, TimeUnit.SECONDS)) {
                throw new IllegalStateException("nobody took the other job");
            }
            done.add(event.data().trainingId() + " delivery " + deliveries);
            return Outcome.ACCEPT;
        };
        request("shared/1");
        request("shared/2");
        try (var one = new ShareWorker<>(
                        INFRASTRUCTURE.kafka(), Topics.TRAINING_REQUESTS, "two", only("shared", handler));
                var other = new ShareWorker<>(
                        INFRASTRUCTURE.kafka(), Topics.TRAINING_REQUESTS, "two", only("shared", handler))) {
            one.start();
            other.start();
            assertThat(List.of(next(done), next(done)))
                    .containsExactlyInAnyOrder("shared/1 delivery 1", "shared/2 delivery 1");
        }
    }

    @Test
    void aJobThatOneWorkerGivesBackIsDoneByAnother() throws Exception {
        request("given-back/1");
        BlockingQueue<String> begun = new LinkedBlockingQueue<>();
        var closing = new ShareWorker<TrainingRequest>(
                INFRASTRUCTURE.kafka(),
                Topics.TRAINING_REQUESTS,
                "give",
                only("given-back", (event, deliveries, lease) -> {
                    begun.add(event.data().trainingId());
                    while (!lease.lost()) {
                        TimeUnit.MILLISECONDS.sleep(10);
                    }
                    return Outcome.RELEASE;
                }));
        closing.start();
        assertThat(next(begun)).isEqualTo("given-back/1");
        closing.close();
        try (var other = new ShareWorker<TrainingRequest>(
                INFRASTRUCTURE.kafka(),
                Topics.TRAINING_REQUESTS,
                "give",
                only("given-back", (event, deliveries, lease) -> {
                    begun.add(event.data().trainingId() + " delivery " + deliveries);
                    return Outcome.ACCEPT;
                }))) {
            other.start();
            assertThat(next(begun)).isEqualTo("given-back/1 delivery 2");
        }
    }

    @Test
    void aLongJobKeepsItsLeaseByRenewing() throws Exception {
        // The broker's shortest lock is 15 s: the job outlives it.
        lockFor("renew", Duration.ofSeconds(15));
        request("renewed/1");
        BlockingQueue<String> done = new LinkedBlockingQueue<>();
        var deliveries = new AtomicInteger();
        ShareWorker.Handler<TrainingRequest> handler = only("renewed", (event, delivery, lease) -> {
            deliveries.incrementAndGet();
            for (int i = 0; i < 200 && !lease.lost(); i++) {
                TimeUnit.MILLISECONDS.sleep(100);
            }
            done.add(lease.lost() ? "lost" : "kept");
            return Outcome.ACCEPT;
        });
        try (var worker = new ShareWorker<>(INFRASTRUCTURE.kafka(), Topics.TRAINING_REQUESTS, "renew", handler);
                var idle = new ShareWorker<>(INFRASTRUCTURE.kafka(), Topics.TRAINING_REQUESTS, "renew", handler)) {
            worker.start();
            idle.start();
            assertThat(done.poll(60, TimeUnit.SECONDS)).isEqualTo("kept");
        }
        assertThat(deliveries).hasValue(1);
    }

    private static EventLoop stops(String group, String trainingId, BlockingQueue<String> handled) {
        return new EventLoop(INFRASTRUCTURE.kafka(), group).on(Topics.TRAINING_COMMANDS, event -> {
            if (event.data().trainingId().equals(trainingId)) {
                handled.add(((StopTraining) event.data()).reason());
            }
        });
    }

    private interface Prepare {
        void prepare(String reason) throws Exception;
    }

    /** Prepares two commands at once; those behind one whose reason is "wait" wait for it. */
    private static EventLoop ahead(String group, String trainingId, BlockingQueue<String> finished, Prepare prepare) {
        return new EventLoop(INFRASTRUCTURE.kafka(), group)
                .longestHandling(Duration.ofMinutes(1))
                .atOnce(2)
                .on(
                        Topics.TRAINING_COMMANDS,
                        data -> !((StopTraining) data).reason().equals("wait"),
                        event -> {
                            if (!event.data().trainingId().equals(trainingId)) {
                                return () -> {};
                            }
                            String reason = ((StopTraining) event.data()).reason();
                            prepare.prepare(reason);
                            return () -> finished.add(reason);
                        });
    }

    /** The topic is shared by the tests: the jobs of others are done at once. */
    private static ShareWorker.Handler<TrainingRequest> only(
            String dataset, ShareWorker.Handler<TrainingRequest> handler) {
        return (event, deliveries, lease) -> event.data().trainingId().startsWith(dataset + "/")
                ? handler.handle(event, deliveries, lease)
                : Outcome.ACCEPT;
    }

    private static String next(BlockingQueue<String> queue) throws InterruptedException {
        String value = queue.poll(60, TimeUnit.SECONDS);
        assertThat(value).as("nothing came in a minute").isNotNull();
        return value;
    }

    private static void command(String trainingId, String reason) {
        TrainingCommand stop = new StopTraining(trainingId, reason, "a test says so");
        INFRASTRUCTURE
                .kafka()
                .publisher()
                .publishNow(
                        Topics.TRAINING_COMMANDS,
                        Event.of(trainingId + ":" + reason, SOURCE, Instant.now(), trainingId, stop));
    }

    private static void request(String trainingId) {
        String[] parts = trainingId.split("/");
        TrainingRequest request = new TrainingRequested(
                trainingId, parts[0], Integer.parseInt(parts[1]), TrainingSpec.defaults(), List.of(), List.of());
        INFRASTRUCTURE
                .kafka()
                .publisher()
                .publishNow(Topics.TRAINING_REQUESTS, Event.of(trainingId, SOURCE, Instant.now(), trainingId, request));
    }

    private static void lockFor(String group, Duration lock) throws Exception {
        try (var admin = INFRASTRUCTURE.kafka().admin()) {
            var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            var op = new AlterConfigOp(
                    new ConfigEntry("share.record.lock.duration.ms", String.valueOf(lock.toMillis())),
                    AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(op))).all().get();
        }
    }

    private static void raw(String topic, String key, byte[] value) throws Exception {
        try (var producer = new KafkaProducer<String, byte[]>(
                Map.of("bootstrap.servers", INFRASTRUCTURE.broker().bootstrap()),
                new StringSerializer(),
                new ByteArraySerializer())) {
            producer.send(new ProducerRecord<>(topic, key, value)).get();
        }
    }

    /** By key: the reason and the detail. */
    private static Map<String, String> deadLetters() {
        var letters = new HashMap<String, String>();
        try (var consumer = new KafkaConsumer<String, byte[]>(
                Map.of("bootstrap.servers", INFRASTRUCTURE.broker().bootstrap()),
                new StringDeserializer(),
                new ByteArrayDeserializer())) {
            var partition = new TopicPartition(Topics.DEAD_LETTERS, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    var text = new ArrayList<String>();
                    for (String name : List.of("aquatint_reason", "aquatint_detail")) {
                        text.add(new String(record.headers().lastHeader(name).value(), StandardCharsets.UTF_8));
                    }
                    letters.put(record.key(), String.join(" ", text));
                });
            }
        }
        return letters;
    }
}
