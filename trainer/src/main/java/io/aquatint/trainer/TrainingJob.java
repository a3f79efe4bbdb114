package io.aquatint.trainer;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.LoraTraining;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingConfig;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.FailureReason;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One delivery of one training: claims an epoch, goes on from the newest checkpoint, trains, and tells of it. It publishes only
 * while its epoch is the current one.
 */
final class TrainingJob {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingJob.class);
    private static final URI SOURCE = URI.create("/aquatint/trainer");
    private static final Pattern DATASET = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");
    private static final Duration PROGRESS = Duration.ofSeconds(1);

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

    /** What jobs work with, one after the other. */
    record Tools(
            ObjectStore store,
            EventSink events,
            WarmModel model,
            TrainerSettings settings,
            TrainerMetrics metrics,
            Clock clock) {}

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
        checkName();
        Optional<TrainingCompleted> before = completedBefore();
        if (before.isPresent()) {
            LOG.info("{} was completed before: it is told again", request.trainingId());
            tell("training.completed:" + request.trainingId(), before.get());
            return End.COMPLETED_BEFORE;
        }
        checkRequest();
        Epoch claimed = Epoch.claim(tools.store(), keys, tools.settings().workerName(), now());
        epoch = claimed;
        if (claimed.attempt() > tools.settings().maxDeliveries()) {
            throw new TrainingFailedException(
                    FailureReason.DELIVERIES_EXHAUSTED,
                    "it was begun %d times, and none of its trainers said how it ended"
                            .formatted(claimed.attempt() - 1));
        }
        Optional<TrainingKeys.Place> newest = CompleteCheckpoints.newest(keys, claimed.stored());
        LOG.info(
                "{}: epoch {} begins at step {}",
                request.trainingId(),
                claimed.number(),
                newest.map(TrainingKeys.Place::step).orElse(0));
        if (newest.isEmpty()) {
            SpecAdvice.of(request).forEach(this::warn);
        }
        List<TrainingExample> examples = new Pictures(tools.store()).of(request);
        if (signals.leaveOff()) {
            return handBack(claimed);
        }
        StableDiffusion model = tools.model().get(spec.baseModel());
        try (var scratch = new Scratch(tools.settings().work())) {
            var checkpoints = new Checkpoints(tools.store(), keys, scratch);
            CheckpointSaved saved = newest.map(checkpoints::read).orElse(null);
            try (LoraTraining training = beginOrResume(model, examples, saved, checkpoints)) {
                return train(training, claimed, checkpoints, training.stepsDone() == 0 ? null : saved, model);
            }
        }
    }

    private Optional<TrainingCompleted> completedBefore() {
        if (tools.store().stat(keys.completed()).isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(EventJson.read(tools.store().get(keys.completed()), TrainingCompleted.class));
    }

    /** The name becomes part of keys, and one training must not write where another does. */
    private void checkName() {
        if (!DATASET.matcher(request.dataset()).matches()
                || request.batch() < 1
                || !request.trainingId().equals(request.dataset() + "/" + request.batch())) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "training '%s' is of data set '%s', batch %d, but it must be called DATASET/BATCH, and the data set %s"
                            .formatted(request.trainingId(), request.dataset(), request.batch(), DATASET));
        }
    }

    private void checkRequest() {
        List<String> problems = new ArrayList<>(spec.problems());
        if (spec.method() != Method.LORA) {
            problems.add("method is %s, but only LORA can be trained".formatted(spec.method()));
        }
        if (request.images().isEmpty()) {
            problems.add("there is no picture to train on");
        }
        if (!problems.isEmpty()) {
            throw new TrainingFailedException(FailureReason.BAD_SPEC, String.join("; ", problems));
        }
    }

    private LoraTraining beginOrResume(
            StableDiffusion model,
            List<TrainingExample> examples,
            @Nullable CheckpointSaved saved,
            Checkpoints checkpoints) {
        if (saved == null) {
            return begin(model, examples, null);
        }
        Path state = checkpoints.download(saved);
        try {
            return begin(model, examples, state);
        } catch (CheckpointException e) {
            warn(new TrainingWarned(
                    request.trainingId(),
                    "unusable-checkpoint",
                    "the checkpoint of step %d cannot be continued: %s".formatted(saved.step(), e.getMessage()),
                    "The training begins anew. Do not change the spec or the pictures of a training that has begun."));
            return begin(model, examples, null);
        }
    }

    /** The settings are looked at by the parts that they are for; what those refuse is wrong in the spec. */
    private LoraTraining begin(StableDiffusion model, List<TrainingExample> examples, @Nullable Path state) {
        try {
            var lora = new LoraConfig(spec.rank(), spec.alpha(), spec.targetModules());
            OptimizerConfig usual = OptimizerConfig.DEFAULT;
            var config = new TrainingConfig(
                    spec.steps(),
                    spec.trainBatchSize(),
                    spec.learningRate(),
                    spec.learningRateSchedule(),
                    spec.warmupSteps(),
                    new OptimizerConfig(
                            usual.beta1(), usual.beta2(), usual.epsilon(), usual.weightDecay(), spec.maxGradientNorm()),
                    spec.seed(),
                    spec.minSnrGamma());
            return state == null
                    ? LoraTraining.start(model, lora, config, examples)
                    : LoraTraining.resume(model, lora, config, examples, state);
        } catch (IllegalArgumentException e) {
            throw new TrainingFailedException(FailureReason.BAD_SPEC, String.valueOf(e.getMessage()), e);
        }
    }

    /** @param resumed the checkpoint from which the training goes on */
    private End train(
            LoraTraining training,
            Epoch claimed,
            Checkpoints checkpoints,
            @Nullable CheckpointSaved resumed,
            StableDiffusion model) {
        started(training, claimed, model);
        CheckpointSaved saved = resumed;
        if (saved != null) {
            publish(saved); // its trainer may have died before it told
        }
        var pace = new Pace(training.stepsDone(), now());
        Instant told = Instant.MIN;
        double loss = saved == null ? 0 : saved.loss();
        while (!training.done() && !(training.stepsDone() > 0 && stopped())) {
            if (signals.leaveOff()) {
                if (training.stepsDone() > (saved == null ? 0 : saved.step())) {
                    save(training, claimed, checkpoints, loss);
                }
                return handBack(claimed);
            }
            LoraTraining.StepResult result =
                    Objects.requireNonNull(tools.metrics().step().record(training::step));
            tools.metrics().stepDone();
            loss = result.loss();
            Instant now = now();
            pace.done(result.step(), now);
            boolean last = training.done() || stopped();
            if (last || !now.isBefore(told.plus(PROGRESS))) {
                told = now;
                progress(result, pace);
            }
            if (!last && result.step() % spec.checkpointEvery() == 0) {
                saved = save(training, claimed, checkpoints, loss);
            }
        }
        if (saved == null || saved.step() < training.stepsDone()) {
            saved = save(training, claimed, checkpoints, loss);
        }
        return complete(saved, claimed);
    }

    private boolean stopped() {
        return signals.stopped(request.trainingId());
    }

    private void started(LoraTraining training, Epoch claimed, StableDiffusion model) {
        publish(
                "training.started:%s:%d".formatted(request.trainingId(), claimed.number()),
                new TrainingStarted(
                        request.trainingId(),
                        request.dataset(),
                        request.batch(),
                        spec,
                        training.stepsDone(),
                        spec.steps(),
                        claimed.number(),
                        tools.settings().workerName(),
                        model.manager().getDevice().toString(),
                        request.images().size(),
                        request.heldOut(),
                        TrainSubset.of(request.images(), request.heldOut().size())));
    }

    /** A store that does not answer costs a progress event, not the training. */
    private void progress(LoraTraining.StepResult result, Pace pace) {
        try {
            publish(
                    "training.progress:%s:%d:%d"
                            .formatted(
                                    request.trainingId(),
                                    result.step(),
                                    current().number()),
                    new TrainingProgress(
                            request.trainingId(),
                            result.step(),
                            spec.steps(),
                            result.loss(),
                            result.learningRate(),
                            pace.stepsPerSecond(),
                            pace.secondsLeft(spec.steps()),
                            (double) result.gradientNorm()));
        } catch (ObjectStoreException e) {
            LOG.warn("{}: no progress is told of step {}: {}", request.trainingId(), result.step(), e.getMessage());
        }
    }

    private CheckpointSaved save(LoraTraining training, Epoch claimed, Checkpoints checkpoints, double loss) {
        CheckpointSaved saved = checkpoints.save(request.trainingId(), training, claimed.number(), loss);
        tools.metrics().checkpointSaved();
        publish(saved);
        return saved;
    }

    private void publish(CheckpointSaved saved) {
        publish("checkpoint.saved:%s:%d:%d".formatted(request.trainingId(), saved.step(), saved.epoch()), saved);
    }

    private End complete(CheckpointSaved last, Epoch claimed) {
        double seconds = Math.max(0, Duration.between(claimed.begun(), now()).toMillis() / 1e3);
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
        publish("training.completed:" + request.trainingId(), completed);
        LOG.info("{} is completed at step {} of {}", request.trainingId(), completed.step(), spec.steps());
        return End.COMPLETED;
    }

    private End handBack(Epoch claimed) {
        claimed.handBack();
        LOG.info("{}: epoch {} hands the training back", request.trainingId(), claimed.number());
        return End.HANDED_BACK;
    }

    private End stale(StaleEpochException stale) {
        LOG.warn("{}: {}", FailureReason.STALE_EPOCH, stale.getMessage());
        try {
            current().handBack();
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
        tell("training.failed:%s:%d".formatted(request.trainingId(), claimed == null ? 0 : claimed.number()), event);
        return willRetry ? End.FAILED_FOR_NOW : End.FAILED;
    }

    private void warn(TrainingWarned warning) {
        publish("training.warned:%s:%s".formatted(request.trainingId(), warning.rule()), warning);
    }

    /** Tells, unless another trainer has taken over. */
    private void publish(String id, TrainingEvent event) {
        current().check();
        tell(id, event);
    }

    private void tell(String id, TrainingEvent event) {
        tools.events().publish(Event.of(id, SOURCE, now(), request.trainingId(), event));
    }

    private Epoch current() {
        return Objects.requireNonNull(epoch, "no epoch is claimed");
    }

    private Instant now() {
        return tools.clock().instant();
    }
}
