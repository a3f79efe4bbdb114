package io.aquatint.trainer;

import ai.djl.Device;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingPreparing;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.ObjectStoreException;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells of one epoch of a training, as long as it is the current one: every method but where said throws
 * {@link StaleEpochException} when it is not. The same fact has the same id, however often it is told.
 */
final class TrainingReport {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingReport.class);
    private static final URI SOURCE = URI.create("/aquatint/trainer");
    private static final Duration PROGRESS = Duration.ofSeconds(1);

    private final EventSink events;
    private final Clock clock;
    private final TrainingRequested request;
    private final Epoch epoch;
    private Instant lastProgress = Instant.MIN;

    TrainingReport(EventSink events, Clock clock, TrainingRequested request, Epoch epoch) {
        this.events = events;
        this.clock = clock;
        this.request = request;
        this.epoch = epoch;
    }

    void warned(TrainingWarned warning) {
        tell("training.warned:%s:%s".formatted(request.trainingId(), warning.rule()), warning);
    }

    /** Tells at most once a second how many class pictures there are, and always of the last. */
    void preparing(int classImages, double secondsLeft) {
        int wanted = request.spec().numClassImages();
        Instant now = clock.instant();
        if (classImages < wanted && now.isBefore(lastProgress.plus(PROGRESS))) {
            return;
        }
        lastProgress = now;
        tell(
                "training.preparing:%s:%d:%d".formatted(request.trainingId(), classImages, epoch.number()),
                new TrainingPreparing(request.trainingId(), epoch.number(), classImages, wanted, secondsLeft));
    }

    void started(int startStep, String worker, Device device) {
        tell(
                "training.started:%s:%d".formatted(request.trainingId(), epoch.number()),
                new TrainingStarted(
                        request.trainingId(),
                        request.dataset(),
                        request.batch(),
                        request.spec(),
                        startStep,
                        request.spec().steps(),
                        epoch.number(),
                        worker,
                        name(device),
                        request.images().size(),
                        request.heldOut(),
                        TrainSubset.of(request.images(), request.heldOut().size())));
    }

    /**
     * Tells at most once a second where the training is, and always of the last step. A store that does not answer costs the
     * event, not the training.
     */
    void progress(FineTuning.StepResult result, Pace pace, boolean last) {
        Instant now = clock.instant();
        if (!last && now.isBefore(lastProgress.plus(PROGRESS))) {
            return;
        }
        lastProgress = now;
        int steps = request.spec().steps();
        try {
            tell(
                    "training.progress:%s:%d:%d".formatted(request.trainingId(), result.step(), epoch.number()),
                    new TrainingProgress(
                            request.trainingId(),
                            result.step(),
                            steps,
                            result.loss(),
                            result.learningRate(),
                            pace.stepsPerSecond(),
                            pace.secondsLeft(steps),
                            (double) result.gradientNorm()));
        } catch (ObjectStoreException e) {
            LOG.warn("{}: no progress is told of step {}: {}", request.trainingId(), result.step(), e.getMessage());
        }
    }

    void saved(CheckpointSaved saved) {
        tell("checkpoint.saved:%s:%d:%d".formatted(request.trainingId(), saved.step(), saved.epoch()), saved);
    }

    void completed(TrainingCompleted completed) {
        epoch.check();
        completed(events, clock, completed);
    }

    /** Tells of the end without a look at the epoch: completed is completed. */
    static void completed(EventSink events, Clock clock, TrainingCompleted completed) {
        events.publish(event(clock, "training.completed:" + completed.trainingId(), completed));
    }

    /**
     * Tells of a failure without a look at the epoch.
     *
     * @param run which run of the training it was
     */
    static void failed(EventSink events, Clock clock, TrainingFailed failed, String run) {
        events.publish(event(clock, "training.failed:%s:%s".formatted(failed.trainingId(), run), failed));
    }

    private void tell(String id, TrainingEvent event) {
        epoch.check();
        events.publish(event(clock, id, event));
    }

    private static Event<TrainingEvent> event(Clock clock, String id, TrainingEvent event) {
        return Event.of(id, SOURCE, clock.instant(), event.trainingId(), event);
    }

    /** {@code cpu}, {@code gpu:0}. */
    private static String name(Device device) {
        return device.isGpu() ? "gpu:" + device.getDeviceId() : device.getDeviceType();
    }
}
