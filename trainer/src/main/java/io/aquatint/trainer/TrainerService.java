package io.aquatint.trainer;

import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.events.Event;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.kafka.Lease;
import io.aquatint.runtime.kafka.Outcome;
import io.aquatint.runtime.kafka.ShareWorker;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.store.ObjectCache;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Scratch;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Takes training requests from the share group of all trainers, one at a time. */
public final class TrainerService implements Service {
    private static final Logger LOG = LoggerFactory.getLogger(TrainerService.class);
    private static final String GROUP = "aquatint-trainers";
    private static final Duration LOOK = Duration.ofMillis(100);
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final Kafka kafka;
    private final TrainerSettings settings;
    private final WarmModel model;
    private final TrainingJob.Tools tools;
    private final StopCommands commands = new StopCommands();
    private final HeldOutScores scores = new HeldOutScores();
    private final EarlierVersions versions = new EarlierVersions();
    private final EventTail tail;
    private final ShareWorker<TrainingRequest> worker;
    private final ExecutorService uploads = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "checkpoints");
        thread.setDaemon(true);
        return thread;
    });
    private final Object turn = new Object();
    private boolean working;
    private boolean started;
    private volatile boolean closing;
    private volatile @Nullable String training;

    public TrainerService(Kafka kafka, ObjectStore store, TrainerSettings settings, MeterRegistry metrics) {
        this.kafka = kafka;
        this.settings = settings;
        this.model =
                new WarmModel(new BaseModels(settings.work(), ObjectCache.ofModels(store, settings.work())::fetch));
        this.tools = new TrainingJob.Tools(
                store,
                event -> kafka.publisher().publishNow(Topics.TRAINING_EVENTS, event),
                model,
                versions,
                settings,
                new TrainerMetrics(metrics),
                Clock.systemUTC(),
                uploads);
        this.tail = new EventTail(kafka, "trainer")
                .on(Topics.TRAINING_COMMANDS, commands::on)
                .on(Topics.VALIDATION_EVENTS, scores::on)
                .on(Topics.MODEL_VERSIONS, versions::on);
        this.worker = new ShareWorker<>(kafka, Topics.TRAINING_REQUESTS, GROUP, this::handle);
    }

    @Override
    public String name() {
        return "trainer";
    }

    @Override
    public void start() {
        started = true;
        Scratch.sweepLeft(settings.work());
        tail.start();
        worker.start();
    }

    @Override
    public Health health() {
        Health commanded = tail.health();
        Health health = commanded.live() && commanded.ready() ? worker.health() : commanded;
        String training = this.training;
        return training == null || !health.ready() ? health : new Health(true, true, "training " + training);
    }

    /** Waits for the step in hand, however long it takes: a step that the JVM's end cuts short crashes the process. */
    @Override
    public void close() {
        if (closing) {
            return;
        }
        closing = true;
        awaitTurn();
        if (started) {
            worker.close();
            tail.close();
        }
        uploads.shutdown();
        model.close();
    }

    private void awaitTurn() {
        synchronized (turn) {
            long since = System.nanoTime();
            while (working) {
                try {
                    turn.wait(PATIENCE.toMillis());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
                if (working) {
                    LOG.info(
                            "the trainer waits for the end of its step, for {} s now",
                            TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - since));
                }
            }
        }
    }

    private Outcome handle(Event<TrainingRequest> event, int deliveries, Lease lease) throws InterruptedException {
        if (!(event.data() instanceof TrainingRequested request)) {
            throw new IllegalStateException("no trainer knows requests of type " + event.type());
        }
        synchronized (turn) {
            if (closing) {
                return Outcome.RELEASE;
            }
            working = true;
        }
        training = request.trainingId();
        try {
            return outcome(event, request, deliveries, lease);
        } catch (KafkaException e) {
            LOG.error("{}: Kafka takes no events: the job is given back", request.trainingId(), e);
            pause(lease);
            return Outcome.RELEASE;
        } finally {
            training = null;
            synchronized (turn) {
                working = false;
                turn.notifyAll();
            }
        }
    }

    private Outcome outcome(Event<TrainingRequest> event, TrainingRequested request, int deliveries, Lease lease)
            throws InterruptedException {
        if (deliveries > settings.maxDeliveries() || !commandsAreKnown(lease)) {
            return giveBack(event, deliveries);
        }
        TrainingJob.End end = new TrainingJob(tools, request, deliveries, signals(lease)).run();
        tools.metrics().jobEnded(end);
        return switch (end) {
            case COMPLETED, COMPLETED_BEFORE -> Outcome.ACCEPT;
            case FAILED -> Outcome.REJECT;
            case FAILED_FOR_NOW -> {
                pause(lease);
                yield giveBack(event, deliveries);
            }
            case HANDED_BACK -> giveBack(event, deliveries);
            // Whoever took over holds the request, or another of the same training. Given back, this one would take
            // over in turn.
            case STALE -> lease.lost() ? Outcome.RELEASE : Outcome.ACCEPT;
        };
    }

    /**
     * Kafka drops a job without a word when it was delivered too often, for whatever reason. How often a training may fail is
     * counted elsewhere, so that before Kafka's limit the request is simply sent once more.
     */
    private Outcome giveBack(Event<TrainingRequest> event, int deliveries) {
        if (deliveries < settings.maxDeliveries()) {
            return Outcome.RELEASE;
        }
        kafka.publisher().publishNow(Topics.TRAINING_REQUESTS, event);
        return Outcome.ACCEPT;
    }

    private Signals signals(Lease lease) {
        return new Signals() {
            @Override
            public boolean leaveOff() {
                return closing || lease.lost();
            }

            @Override
            public boolean stopped(String trainingId) {
                return commands.stopped(trainingId);
            }

            @Override
            public Map<Integer, Double> scores(String trainingId) {
                return scores.of(trainingId);
            }
        };
    }

    private boolean commandsAreKnown(Lease lease) throws InterruptedException {
        while (!closing && !lease.lost()) {
            try {
                tail.caughtUp().get(LOOK.toMillis(), TimeUnit.MILLISECONDS);
                return true;
            } catch (TimeoutException e) {
                LOG.trace("the commands are not all read yet", e);
            } catch (ExecutionException e) {
                LOG.error("the commands cannot be read", e);
                pause(lease);
                return false;
            }
        }
        return false;
    }

    /** Then another trainer may try. As long as the store is away none could do better: attempts are not used up in vain. */
    private void pause(Lease lease) throws InterruptedException {
        do {
            long until = System.nanoTime() + settings.retryPause().toNanos();
            while (!closing && !lease.lost() && System.nanoTime() < until) {
                TimeUnit.MILLISECONDS.sleep(LOOK.toMillis());
            }
        } while (!closing && !lease.lost() && !storeAnswers());
    }

    private boolean storeAnswers() {
        try {
            tools.store().stat("trainings");
            return true;
        } catch (ObjectStoreException e) {
            LOG.warn("the object store does not answer: {}", e.getMessage());
            return false;
        }
    }
}
