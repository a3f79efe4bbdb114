package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.EventFormatException;
import io.aquatint.events.Topic;
import io.aquatint.runtime.lifecycle.Health;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Consumes events in their order on a thread of its own and commits each once it was handled, so every event is handled at
 * least once. What a failure leads to is {@link Failure}'s matter; a partition whose record is tried again waits, the others
 * go on. What takes long may be prepared for several events at once; they are finished and committed in their order all the same.
 */
public final class EventLoop implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EventLoop.class);
    private static final Duration POLL = Duration.ofMillis(200);

    /** So many records a poll for each that is prepared at once: the last of a poll leave threads idle. */
    private static final int RECORDS_EACH = 8;

    private static final long FIRST_PAUSE_MILLIS = 250;
    private static final long LONGEST_PAUSE_MILLIS = 30_000;
    private static final long CLOSE_SECONDS = 30;

    private final Kafka kafka;
    private final String group;
    private final Map<String, Route<?>> routes = new HashMap<>();
    private final Map<TopicPartition, Retry> retries = new HashMap<>();
    private final Thread thread;
    private @Nullable Duration longestHandling;
    private int atOnce = 1;
    private volatile boolean closed;
    private volatile Health health = Health.starting("starting");

    /** Handles one event; it may come again. */
    @FunctionalInterface
    public interface Handler<T> {
        void handle(Event<T> event) throws Exception;
    }

    /** The part of handling an event that may be done before its turn, for several at once; it may come again. */
    @FunctionalInterface
    public interface Preparation<T> {
        /** What is left to do when everything before the event is done; its failures and this method's are alike. */
        Turn prepare(Event<T> event) throws Exception;
    }

    /** The rest of handling an event, in its turn. */
    @FunctionalInterface
    public interface Turn {
        void take() throws Exception;
    }

    private record Retry(long offset, int attempt, long atMillis) {}

    public EventLoop(Kafka kafka, String group) {
        this.kafka = kafka;
        this.group = group;
        this.thread = new Thread(this::run, "events-" + group);
    }

    /** Adds a topic; before {@link #start()}. */
    public <T> EventLoop on(Topic<T> topic, Handler<T> handler) {
        routes.put(topic.name(), Route.of(topic, handler));
        return this;
    }

    /**
     * Adds a topic whose events are prepared on threads of their own; before {@link #start()}.
     *
     * @param passable whether those behind an event may be prepared before it is done
     */
    public <T> EventLoop on(Topic<T> topic, Predicate<T> passable, Preparation<T> preparation) {
        routes.put(topic.name(), new Route<>(topic, passable, preparation));
        return this;
    }

    /** Prepares so many events at once; before {@link #start()}. */
    public EventLoop atOnce(int events) {
        atOnce = events;
        return this;
    }

    /** Lets the events that are prepared at once take so long, for handlers that work for minutes; before {@link #start()}. */
    public EventLoop longestHandling(Duration longest) {
        longestHandling = longest;
        return this;
    }

    public void start() {
        thread.start();
    }

    /** Down after a bug: then nothing more is consumed and nothing is lost. */
    public Health health() {
        return health;
    }

    /** Ends after the event in hand. */
    @Override
    public void close() {
        closed = true;
        try {
            thread.join(Duration.ofSeconds(CLOSE_SECONDS).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        ExecutorService workers =
                Executors.newFixedThreadPool(atOnce, task -> new Thread(task, thread.getName() + "-ahead"));
        int records = atOnce == 1 ? 1 : RECORDS_EACH * atOnce;
        try (KafkaConsumer<String, byte[]> consumer = kafka.consumer(group, longestHandling, records)) {
            consumer.subscribe(List.copyOf(routes.keySet()));
            while (!closed) {
                resume(consumer);
                var polled = consumer.poll(POLL);
                health = Health.up();
                handle(
                        consumer,
                        polled.partitions().stream()
                                .map(partition -> new PreparedRecords(
                                        partition,
                                        polled.records(partition),
                                        routes,
                                        atOnce == 1 ? Runnable::run : workers))
                                .toList());
            }
            health = Health.down("closed");
        } catch (RuntimeException | Error e) {
            LOG.error("the consumer '{}' stops", group, e);
            health = Health.down("stopped by " + e);
        } finally {
            end(workers);
        }
    }

    private void handle(KafkaConsumer<String, byte[]> consumer, List<PreparedRecords> partitions) {
        try {
            partitions.forEach(PreparedRecords::prepare);
            for (PreparedRecords records : partitions) {
                while (!closed && records.hasNext() && handleNext(consumer, records)) {
                    records.prepare();
                }
            }
        } finally {
            partitions.forEach(PreparedRecords::cancel);
        }
    }

    /** What is being prepared may use what is closed after this loop. */
    private static void end(ExecutorService workers) {
        workers.shutdown();
        try {
            if (!workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("an event is still being prepared; it is handled again after the next start");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the partition's next record may follow. */
    private boolean handleNext(KafkaConsumer<String, byte[]> consumer, PreparedRecords records) {
        TopicPartition partition = records.partition();
        ConsumerRecord<String, byte[]> record = records.next();
        try {
            records.takeTurn();
        } catch (EventFormatException e) {
            kafka.publisher().deadLetter(record, "UNDECODABLE", String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        } catch (Exception e) {
            switch (Failure.of(e)) {
                case PERMANENT -> kafka.publisher().deadLetter(record, "PERMANENT", String.valueOf(e.getMessage()));
                case TRANSIENT -> {
                    tryAgain(consumer, partition, record, e);
                    return false;
                }
                case BUG ->
                    throw new IllegalStateException(
                            "cannot handle %s-%d@%d".formatted(record.topic(), record.partition(), record.offset()), e);
            }
        }
        retries.remove(partition);
        try {
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(record.offset() + 1)));
            return true;
        } catch (CommitFailedException | RetriableException e) {
            LOG.warn(
                    "{}-{}@{} will be handled again: {}",
                    record.topic(),
                    record.partition(),
                    record.offset(),
                    e.toString());
            if (consumer.assignment().contains(partition)) {
                consumer.seek(partition, record.offset()); // else the next commit would pass over what was not handled
            }
            return false;
        }
    }

    private void tryAgain(
            KafkaConsumer<String, byte[]> consumer,
            TopicPartition partition,
            ConsumerRecord<String, byte[]> record,
            Exception cause) {
        @Nullable Retry before = retries.get(partition);
        int attempt = before != null && before.offset() == record.offset() ? before.attempt() + 1 : 1;
        long pause = Math.min(LONGEST_PAUSE_MILLIS, FIRST_PAUSE_MILLIS << Math.min(attempt - 1, 10));
        LOG.warn(
                "{}-{}@{} is tried again in {} ms: {}",
                record.topic(),
                record.partition(),
                record.offset(),
                pause,
                cause.toString());
        retries.put(partition, new Retry(record.offset(), attempt, System.currentTimeMillis() + pause));
        consumer.seek(partition, record.offset());
        consumer.pause(List.of(partition));
    }

    private void resume(KafkaConsumer<String, byte[]> consumer) {
        for (TopicPartition partition : consumer.paused()) {
            Retry retry = retries.get(partition);
            if (retry == null || retry.atMillis() <= System.currentTimeMillis()) {
                consumer.resume(List.of(partition));
            }
        }
    }
}
