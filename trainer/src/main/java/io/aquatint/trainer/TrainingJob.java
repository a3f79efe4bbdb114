package io.aquatint.trainer;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.events.FailureReason;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Scratch;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One delivery of one training: claims an epoch, goes on from the newest checkpoint, trains, and tells of it. It publishes only
 * while its epoch is the current one.
 */
final class TrainingJob {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingJob.class);

    private final Tools tools;
    private final TrainingRequested request;
    private final TrainingSpec spec;
    private final TrainingKeys keys;
    private final int deliveries;
    private final Signals signals;
    private @Nullable Epoch epoch;

    /** How a delivery ended. */
    enum End {
        COMPLETED,
        /** It had been completed before; the event was sent again. */
        COMPLETED_BEFORE,
        /** Never to be tried again; the event says why. */
        FAILED,
        /** Another attempt may succeed. */
        FAILED_FOR_NOW,
        /** To be continued by another trainer, or later. */
        HANDED_BACK,
        /** Another trainer has it already. */
        STALE
    }

    /**
     * What jobs work with, one after the other.
     *
     * @param uploads stores checkpoints while the training goes on
     */
    record Tools(
            ObjectStore store,
            EventSink events,
            WarmModel model,
            EarlierVersions versions,
            TrainerSettings settings,
            TrainerMetrics metrics,
            Clock clock,
            Executor uploads) {}

    /** @param deliveries as Kafka counts them, from 1 */
    TrainingJob(Tools tools, TrainingRequested request, int deliveries, Signals signals) {
        this.tools = tools;
        this.request = request;
        this.spec = request.spec();
        this.keys = new TrainingKeys(request.dataset(), request.batch());
        this.deliveries = deliveries;
        this.signals = signals;
    }

    /** Does the job, as far as it gets. Whatever goes wrong with the training becomes an event; what is thrown is the sink's. */
    End run() {
        try {
            return attempt();
        } catch (StaleEpochException e) {
            return stale(e);
        } catch (RuntimeException | Error e) {
            return fail(e);
        }
    }

    private End attempt() {
        RequestCheck.names(request);
        Optional<TrainingCompleted> before = completedBefore();
        if (before.isPresent()) {
            LOG.info("{} was completed before: it is told again", request.trainingId());
            TrainingReport.completed(tools.events(), tools.clock(), before.get());
            return End.COMPLETED_BEFORE;
        }
        RequestCheck.spec(request);
        Epoch claimed = Epoch.claim(tools.store(), keys, tools.settings().workerName(), now());
        epoch = claimed;
        if (claimed.attempt() > tools.settings().maxDeliveries()) {
            throw new TrainingFailedException(
                    FailureReason.DELIVERIES_EXHAUSTED,
                    "it was begun %d times, and none of its trainers said how it ended"
                            .formatted(claimed.attempt() - 1));
        }
        return new Run(claimed).run();
    }

    /** The part of a delivery that has an epoch. */
    private final class Run {
        private final Epoch claimed;
        private final TrainingReport report;
        private @Nullable CheckpointSaved saved;
        private @Nullable CompletableFuture<CheckpointSaved> storing;
        private double loss;

        Run(Epoch claimed) {
            this.claimed = claimed;
            this.report = new TrainingReport(tools.events(), tools.clock(), request, claimed);
        }

        End run() {
            Optional<TrainingKeys.Place> newest = CompleteCheckpoints.newest(keys, claimed.stored());
            LOG.info(
                    "{}: epoch {} begins at step {}",
                    request.trainingId(),
                    claimed.number(),
                    newest.map(TrainingKeys.Place::step).orElse(0));
            if (newest.isEmpty()) {
                SpecAdvice.of(request).forEach(report::warned);
            }
            List<TrainingExample> instances = new Pictures(tools.store()).of(request);
            if (signals.leaveOff()) {
                return handBack();
            }
            StableDiffusion model = tools.model().get(spec.baseModel(), SpecTraining.precision(spec));
            if (newest.isEmpty()) {
                SpecAdvice.of(request, model).forEach(report::warned);
            }
            Optional<List<TrainingExample>> classPictures = classPictures(model, instances, newest.isEmpty());
            if (classPictures.isEmpty()) {
                return handBack();
            }
            var set = new TrainingSet(instances, classPictures.get());
            try (var scratch = new Scratch(tools.settings().work())) {
                var checkpoints = new Checkpoints(tools.store(), keys, spec.method(), scratch);
                saved = newest.map(checkpoints::read).orElse(null);
                try (FineTuning training = beginOrResume(model, set, checkpoints, scratch)) {
                    report.started(
                            training.stepsDone(),
                            tools.settings().workerName(),
                            model.manager().getDevice());
                    return trainAndStore(training, checkpoints);
                }
            }
        }

        /** None where the method wants none; empty when the job is to be left off. */
        private Optional<List<TrainingExample>> classPictures(
                StableDiffusion model, List<TrainingExample> instances, boolean begins) {
            if (!spec.learnsWithClassPictures()) {
                return Optional.of(List.of());
            }
            Instant begun = now();
            AtomicInteger drawn = new AtomicInteger();
            Pictures.OfClass own = new Pictures(tools.store()).ofClass(request, instances);
            if (begins) {
                SpecAdvice.ofLeftOut(request, own.leftOut()).ifPresent(report::warned);
            }
            return new ClassPictures(tools.store(), model, spec)
                    .get(instances, own.fitting(), signals::leaveOff, there -> {
                        double seconds = Duration.between(begun, now()).toMillis() / 1e3 / drawn.incrementAndGet();
                        report.preparing(there, seconds * Math.max(0, spec.numClassImages() - there));
                    });
        }

        private FineTuning beginOrResume(
                StableDiffusion model, TrainingSet set, Checkpoints checkpoints, Scratch scratch) {
            CheckpointSaved newest = saved;
            if (newest == null) {
                return begin(model, set, scratch);
            }
            try {
                return SpecTraining.resume(spec, model, set, checkpoints.download(newest));
            } catch (CheckpointException e) {
                report.warned(
                        new TrainingWarned(
                                request.trainingId(),
                                "unusable-checkpoint",
                                "the checkpoint of step %d cannot be continued: %s"
                                        .formatted(newest.step(), e.getMessage()),
                                "The training begins anew. Do not change the spec or the pictures of a training that has begun."));
                saved = null;
                return begin(model, set, scratch);
            }
        }

        private FineTuning begin(StableDiffusion model, TrainingSet set, Scratch scratch) {
            Path folder = scratch.folder().resolve("previous");
            return SpecTraining.begin(
                    spec,
                    model,
                    set,
                    tools.versions().fetch(request, tools.store(), folder).orElse(null));
        }

        /** Whatever ends the training, a checkpoint that is on its way to the store arrives there and is told of. */
        private End trainAndStore(FineTuning training, Checkpoints checkpoints) {
            try {
                return train(training, checkpoints);
            } catch (RuntimeException | Error e) {
                try {
                    awaitStored(checkpoints);
                } catch (RuntimeException suppressed) {
                    e.addSuppressed(suppressed);
                }
                throw e;
            }
        }

        private End train(FineTuning training, Checkpoints checkpoints) {
            if (saved != null) {
                report.saved(saved); // its trainer may have died before it told
                loss = saved.loss();
            }
            var pace = new Pace(training.stepsDone(), now());
            while (!training.done() && !(training.stepsDone() > 0 && stopped())) {
                if (signals.leaveOff()) {
                    if (training.stepsDone() > 0) {
                        newest(training, checkpoints);
                    }
                    return handBack();
                }
                FineTuning.StepResult result =
                        Objects.requireNonNull(tools.metrics().step().record(training::step));
                tools.metrics().stepDone();
                loss = result.loss();
                pace.done(result.step(), now());
                boolean last = training.done() || stopped();
                report.progress(result, pace, last);
                if (!last && result.step() % spec.checkpointEvery() == 0) {
                    save(training, checkpoints);
                }
                if (storing != null && storing.isDone()) {
                    awaitStored(checkpoints);
                }
            }
            return complete(newest(training, checkpoints));
        }

        private boolean stopped() {
            return signals.stopped(request.trainingId());
        }

        /** The checkpoint of this step, in the store. */
        private CheckpointSaved newest(FineTuning training, Checkpoints checkpoints) {
            awaitStored(checkpoints);
            if (saved == null || saved.step() != training.stepsDone()) {
                save(training, checkpoints);
                awaitStored(checkpoints);
            }
            return Objects.requireNonNull(saved);
        }

        /** Writes a checkpoint, which is stored while the training goes on. */
        private void save(FineTuning training, Checkpoints checkpoints) {
            awaitStored(checkpoints); // its files are to be overwritten
            Checkpoints.Written written = checkpoints.write(request.trainingId(), training, claimed.number(), loss);
            storing = CompletableFuture.supplyAsync(() -> checkpoints.store(written), tools.uploads());
        }

        /** Waits for the checkpoint that is on its way, if any, and tells of it. */
        private void awaitStored(Checkpoints checkpoints) {
            CompletableFuture<CheckpointSaved> upload = storing;
            if (upload == null) {
                return;
            }
            storing = null;
            CheckpointSaved now = result(upload);
            saved = now;
            tools.metrics().checkpointSaved();
            report.saved(now); // by the current epoch: only that may delete what another could go on from
            checkpoints.retain(spec.checkpointsKept(), signals.scores(request.trainingId()));
        }

        private static CheckpointSaved result(CompletableFuture<CheckpointSaved> upload) {
            try {
                return upload.join();
            } catch (CompletionException e) {
                if (e.getCause() instanceof RuntimeException cause) {
                    throw cause;
                }
                if (e.getCause() instanceof Error cause) {
                    throw cause;
                }
                throw e;
            }
        }

        private End complete(CheckpointSaved last) {
            double seconds =
                    Math.max(0, Duration.between(claimed.begun(), now()).toMillis() / 1e3);
            var completed = new TrainingCompleted(
                    request.trainingId(),
                    last.step(),
                    claimed.number(),
                    last.objectKey(),
                    last.sha256(),
                    seconds,
                    last.loss());
            claimed.check();
            if (!tools.store().putIfAbsent(keys.completed(), EventJson.write(completed), "application/json")) {
                completed = completedBefore().orElseThrow(() -> new ObjectMissingException(keys.completed()));
            }
            report.completed(completed);
            LOG.info("{} is completed at step {} of {}", request.trainingId(), completed.step(), spec.steps());
            return End.COMPLETED;
        }

        private End handBack() {
            claimed.handBack();
            LOG.info("{}: epoch {} hands the training back", request.trainingId(), claimed.number());
            return End.HANDED_BACK;
        }
    }

    private Optional<TrainingCompleted> completedBefore() {
        if (tools.store().stat(keys.completed()).isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(EventJson.read(tools.store().get(keys.completed()), TrainingCompleted.class));
    }

    private End stale(StaleEpochException stale) {
        LOG.warn("{}: {}", FailureReason.STALE_EPOCH, stale.getMessage());
        try {
            Objects.requireNonNull(epoch).handBack();
        } catch (ObjectStoreException e) {
            LOG.warn("{}: that was not noted: {}", request.trainingId(), e.getMessage());
        }
        return End.STALE;
    }

    private End fail(Throwable thrown) {
        TrainingFailure failure = TrainingFailure.of(thrown);
        if (failure.isOfTheMoment() && signals.leaveOff()) {
            LOG.warn("{} is left off, unsaved: {}", request.trainingId(), failure.detail());
            return End.HANDED_BACK;
        }
        if (failure.reason() == FailureReason.INTERNAL || failure.reason() == FailureReason.OUT_OF_MEMORY) {
            tools.model().close(); // who knows what state it is in
        }
        Epoch claimed = epoch;
        int limit = tools.settings().maxDeliveries();
        int attempt = Math.min(limit, claimed == null ? deliveries : claimed.attempt());
        boolean willRetry = !failure.permanent() && attempt < limit;
        boolean exhausted = !failure.permanent() && !willRetry;
        var event = new TrainingFailed(
                request.trainingId(),
                exhausted ? FailureReason.DELIVERIES_EXHAUSTED : failure.reason(),
                exhausted
                        ? "attempt %d of %d failed: %s: %s"
                                .formatted(attempt, limit, failure.reason(), failure.detail())
                        : failure.detail(),
                attempt,
                willRetry);
        LOG.error(
                "{} failed, attempt {} of {}: {}: {}",
                request.trainingId(),
                attempt,
                limit,
                event.reason(),
                event.detail(),
                failure.reason() == FailureReason.INTERNAL ? thrown : null);
        if (claimed != null) {
            try {
                claimed.check();
                if (!willRetry) {
                    claimed.fail(event);
                }
            } catch (StaleEpochException e) {
                return stale(e);
            } catch (ObjectStoreException e) {
                LOG.warn(
                        "{}: the failure is told without a look at the epoch: {}",
                        request.trainingId(),
                        e.getMessage());
            }
        }
        String run = claimed == null ? "delivery-" + deliveries : String.valueOf(claimed.number());
        TrainingReport.failed(tools.events(), tools.clock(), event, run);
        return willRetry ? End.FAILED_FOR_NOW : End.FAILED;
    }

    private Instant now() {
        return tools.clock().instant();
    }
}
