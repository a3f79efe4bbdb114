package io.aquatint.runtime.kafka;

import io.aquatint.events.EventFormatException;
import io.aquatint.events.Topic;
import io.aquatint.runtime.lifecycle.Health;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads every event of its topics from the beginning and then follows them, for views that are kept in memory. It belongs to no
 * group and commits nothing: each process sees everything, and sees it again after a restart. Events of one key come in their
 * order, those of several about as they came to be; a record that is no event is skipped with a warning.
 */
public final class EventTail implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventTail.class);
    private static final Duration POLL = Duration.ofMillis(200);
    private static final Duration CLOSE = Duration.ofSeconds(30);
    private static final long PAUSE_MILLIS = 500;

    private final Kafka kafka;
    private final String name;
    private final Map<String, Route<?>> routes = new HashMap<>();
    private final CompletableFuture<Void> caughtUp = new CompletableFuture<>();
    private final Thread thread;
    private boolean fromNow;
    private volatile boolean closed;
    private volatile Health health = Health.starting("starting");

    /** @param name shows in logs and health */
    public EventTail(Kafka kafka, String name) {
        this.kafka = kafka;
        this.name = name;
        this.thread = new Thread(this::run, "tail-" + name);
    }

    /** Adds a topic; before {@link #start()}. The handler runs on the tail's own thread. */
    public <T> EventTail on(Topic<T> topic, EventLoop.Handler<T> handler) {
        routes.put(topic.name(), Route.of(topic, handler));
        return this;
    }

    /** Leaves out what is already there; before {@link #start()}. */
    public EventTail fromNow() {
        fromNow = true;
        return this;
    }

    public void start() {
        thread.start();
    }

    /** Completes when all events that were there at the start have been handled; fails when the tail stops before. */
    public CompletableFuture<Void> caughtUp() {
        return caughtUp.copy();
    }

    /** Ready once it has caught up; down after a bug. */
    public Health health() {
        return health;
    }

    /** Ends after the event in hand; a second call does nothing. */
    @Override
    public void close() {
        closed = true;
        try {
            thread.join(CLOSE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        try (KafkaConsumer<String, byte[]> consumer = kafka.observer()) {
            List<TopicPartition> partitions = routes.keySet().stream()
                    .flatMap(topic -> consumer.partitionsFor(topic).stream())
                    .map(info -> new TopicPartition(info.topic(), info.partition()))
                    .toList();
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(partitions));
            if (fromNow) {
                ends.forEach(consumer::seek);
            } else {
                consumer.seekToBeginning(partitions);
            }
            health = Health.starting("catching up");
            while (!closed) {
                if (!caughtUp.isDone() && hasReached(consumer, ends)) {
                    caughtUp.complete(null);
                    health = Health.up();
                }
                inTime(consumer.poll(POLL)).forEach(this::handle);
            }
            stopped("closed", null);
        } catch (RuntimeException | Error e) {
            LOG.error("the tail '{}' stops", name, e);
            stopped("stopped by " + e, e);
        }
    }

    private static boolean hasReached(KafkaConsumer<?, ?> consumer, Map<TopicPartition, Long> ends) {
        Set<TopicPartition> behind = ends.keySet();
        behind.removeIf(partition -> consumer.position(partition) >= ends.getOrDefault(partition, 0L));
        return behind.isEmpty();
    }

    /** The records of a poll as they came to be over all partitions, those of each partition in their order. */
    private static List<ConsumerRecord<String, byte[]>> inTime(ConsumerRecords<String, byte[]> records) {
        record Timed(long millis, ConsumerRecord<String, byte[]> record) {}
        var timed = new ArrayList<Timed>(records.count());
        for (TopicPartition partition : records.partitions()) {
            long latest = 0; // a producer's clock may go back; the order of its partition may not
            for (ConsumerRecord<String, byte[]> record : records.records(partition)) {
                latest = Math.max(latest, record.timestamp());
                timed.add(new Timed(latest, record));
            }
        }
        timed.sort(Comparator.comparingLong(Timed::millis));
        return timed.stream().map(Timed::record).toList();
    }

    private void stopped(String detail, @Nullable Throwable cause) {
        health = Health.down(detail);
        caughtUp.completeExceptionally(new IllegalStateException("the tail '%s' is %s".formatted(name, detail), cause));
    }

    private void handle(ConsumerRecord<String, byte[]> record) {
        Route<?> route = routes.get(record.topic());
        while (route != null && !closed) {
            try {
                route.handle(record);
                return;
            } catch (EventFormatException e) {
                LOG.warn("{} is skipped: {}", place(record), e.getMessage());
                return;
            } catch (InterruptedException e) {
                throw new IllegalStateException("interrupted", e);
            } catch (Exception e) {
                switch (Failure.of(e)) {
                    case PERMANENT -> {
                        LOG.warn("{} is skipped: {}", place(record), e.getMessage());
                        return;
                    }
                    case TRANSIENT -> {
                        LOG.warn("{} is tried again in {} ms: {}", place(record), PAUSE_MILLIS, e.toString());
                        pause();
                    }
                    case BUG -> throw new IllegalStateException("cannot handle " + place(record), e);
                }
            }
        }
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static String place(ConsumerRecord<?, ?> record) {
        return "%s-%d@%d".formatted(record.topic(), record.partition(), record.offset());
    }
}
