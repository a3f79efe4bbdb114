package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.EventFormatException;
import io.aquatint.events.Topic;
import io.aquatint.runtime.lifecycle.Health;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes jobs from a topic through a share group, one at a time. The handler runs on a thread of its own while the polling
 * thread renews the lock at a third of its time. Two workers can hold one job all the same (after a broker's restart, say):
 * handlers fence with a claim in the object store.
 */
public final class ShareWorker<T> implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ShareWorker.class);
    private static final Duration POLL = Duration.ofMillis(250);
    private static final long DEFAULT_LOCK_MILLIS = 30_000;
    private static final long CLOSE_MILLIS = 20_000;

    private final Kafka kafka;
    private final Topic<T> topic;
    private final String group;
    private final Handler<T> handler;
    private final Thread thread;
    private final ExecutorService worker;
    private volatile boolean closed;
    private volatile Health health = Health.starting("starting");
    private @Nullable Job job;

    /** Does one job. */
    @FunctionalInterface
    public interface Handler<T> {
        /** @param deliveryCount 1 at the first delivery; a broker's restart begins again at 1 */
        Outcome handle(Event<T> event, int deliveryCount, Lease lease) throws Exception;
    }

    private record Job(
            String topic, int partition, long offset, Lease lease, Future<Outcome> outcome, long renewedMillis) {
        boolean is(ConsumerRecord<String, byte[]> record) {
            return record.offset() == offset
                    && record.partition() == partition
                    && record.topic().equals(topic);
        }

        Job renewed() {
            return new Job(topic, partition, offset, lease, outcome, System.currentTimeMillis());
        }
    }

    public ShareWorker(Kafka kafka, Topic<T> topic, String group, Handler<T> handler) {
        this.kafka = kafka;
        this.topic = topic;
        this.group = group;
        this.handler = handler;
        this.thread = new Thread(this::run, "share-" + group);
        this.worker = Executors.newSingleThreadExecutor(task -> {
            var created = new Thread(task, "job-" + group);
            created.setDaemon(true);
            return created;
        });
    }

    /** Sets the group up and begins to take jobs. */
    public void start() {
        new TopicAdmin(kafka).ensureShareGroup(group);
        thread.start();
    }

    public Health health() {
        return health;
    }

    /** Tells the handler that its lease is lost, waits for it and gives an unfinished job back. */
    @Override
    public void close() {
        closed = true;
        try {
            thread.join(CLOSE_MILLIS + Duration.ofSeconds(10).toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        worker.shutdownNow();
    }

    private void run() {
        try (KafkaShareConsumer<String, byte[]> consumer = kafka.shareConsumer(group)) {
            consumer.subscribe(List.of(topic.name()));
            while (!closed) {
                var records = consumer.poll(POLL);
                health = Health.up();
                long lock = consumer.acquisitionLockTimeoutMs().orElse((int) DEFAULT_LOCK_MILLIS);
                for (ConsumerRecord<String, byte[]> record : records) {
                    take(consumer, record, lock);
                }
                Job held = job;
                if (held != null && System.currentTimeMillis() - held.renewedMillis() > lock) {
                    abandon(held);
                }
            }
            Job held = job;
            if (held != null) {
                held.lease().lose();
                settle(held, CLOSE_MILLIS);
            }
            health = Health.down("closed");
        } catch (RuntimeException | Error e) {
            LOG.error("the worker '{}' stops", group, e);
            health = Health.down("stopped by " + e);
            Job held = job;
            if (held != null) {
                held.lease().lose();
            }
        }
    }

    private void take(KafkaShareConsumer<String, byte[]> consumer, ConsumerRecord<String, byte[]> record, long lock) {
        Job held = job;
        if (held == null) {
            held = begin(consumer, record);
            if (held == null) {
                return;
            }
            job = held;
        } else if (!held.is(record)) {
            acknowledge(consumer, record, AcknowledgeType.RELEASE);
            return;
        }
        AcknowledgeType type = waitFor(held, record, lock / 3);
        boolean kept = acknowledge(consumer, record, type);
        if (type != AcknowledgeType.RENEW) {
            job = null;
        } else if (kept) {
            job = held.renewed();
        } else {
            abandon(held);
        }
    }

    private @Nullable Job begin(KafkaShareConsumer<String, byte[]> consumer, ConsumerRecord<String, byte[]> record) {
        @Nullable Event<T> event;
        try {
            event = topic.read(record);
        } catch (EventFormatException e) {
            kafka.publisher().deadLetter(record, "UNDECODABLE", String.valueOf(e.getMessage()));
            acknowledge(consumer, record, AcknowledgeType.REJECT);
            return null;
        }
        if (event == null) {
            acknowledge(consumer, record, AcknowledgeType.ACCEPT);
            return null;
        }
        int deliveries = record.deliveryCount().orElse((short) 1);
        var lease = new Lease();
        Event<T> read = event;
        Future<Outcome> outcome = worker.submit(() -> handler.handle(read, deliveries, lease));
        return new Job(record.topic(), record.partition(), record.offset(), lease, outcome, System.currentTimeMillis());
    }

    /** Waits for the handler until the lock is to be renewed. */
    private AcknowledgeType waitFor(Job held, ConsumerRecord<String, byte[]> record, long millis) {
        long until = System.currentTimeMillis() + millis;
        while (!held.outcome().isDone()) {
            if (closed) {
                held.lease().lose();
                settle(held, CLOSE_MILLIS);
                return held.outcome().isDone() ? outcomeOf(held, record) : AcknowledgeType.RELEASE;
            }
            if (System.currentTimeMillis() >= until) {
                return AcknowledgeType.RENEW;
            }
            settle(held, Math.min(100, millis));
        }
        return outcomeOf(held, record);
    }

    private AcknowledgeType outcomeOf(Job held, ConsumerRecord<String, byte[]> record) {
        try {
            return switch (held.outcome().get()) {
                case ACCEPT -> AcknowledgeType.ACCEPT;
                case RELEASE -> AcknowledgeType.RELEASE;
                case REJECT -> AcknowledgeType.REJECT;
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return AcknowledgeType.RELEASE;
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return switch (Failure.of(cause)) {
                case PERMANENT -> {
                    kafka.publisher().deadLetter(record, "PERMANENT", String.valueOf(cause.getMessage()));
                    yield AcknowledgeType.REJECT;
                }
                case TRANSIENT -> {
                    LOG.warn("a job of '{}' is given back: {}", group, cause.toString());
                    yield AcknowledgeType.RELEASE;
                }
                case BUG -> throw new IllegalStateException("the handler of '%s' failed".formatted(group), cause);
            };
        }
    }

    /** Another worker may have the job by now: the handler is told, and its outcome does not count. */
    private void abandon(Job held) {
        LOG.warn("the lease on {}-{}@{} is lost", held.topic(), held.partition(), held.offset());
        held.lease().lose();
        while (!closed && !held.outcome().isDone()) {
            settle(held, 100);
        }
        job = null;
    }

    /** Waits for the handler to end, however it ends. */
    private static void settle(Job held, long millis) {
        try {
            held.outcome().get(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.trace("not settled, or settled by a failure that is read later", e);
        }
    }

    /** Whether the broker took it. */
    private static boolean acknowledge(
            KafkaShareConsumer<String, byte[]> consumer, ConsumerRecord<String, byte[]> record, AcknowledgeType type) {
        consumer.acknowledge(record, type);
        boolean taken = true;
        for (var result : consumer.commitSync().values()) {
            if (result.isPresent()) {
                LOG.warn(
                        "{} of {}@{} failed: {}",
                        type,
                        record.topic(),
                        record.offset(),
                        result.get().toString());
                taken = false;
            }
        }
        return taken;
    }
}
