package io.aquatint.validator;

import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingId;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.kafka.EventLoop;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.JsonError;
import io.aquatint.runtime.lifecycle.ObjectResponse;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.store.ObjectStore;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** Checkpoints in; samples, scores and alerts out, and the command to stop a training that got worse. */
public final class ValidatorService implements Service {
    private static final String GROUP = "validator";
    /** Many samples of a large model on a slow machine take long. */
    private static final Duration LONGEST_EVALUATION = Duration.ofHours(2);

    private final Kafka kafka;
    private final ObjectStore store;
    private final MeterRegistry metrics;
    private final Validation validation;
    private final EventLoop loop;

    public ValidatorService(Kafka kafka, ObjectStore store, ValidatorSettings settings, MeterRegistry metrics) {
        this.kafka = kafka;
        this.store = store;
        this.metrics = metrics;
        this.validation = new Validation(store, settings.work());
        this.loop = new EventLoop(kafka, GROUP)
                .longestHandling(LONGEST_EVALUATION)
                .on(Topics.TRAINING_REQUESTS, event -> validation.on(event.data()))
                .on(Topics.TRAINING_EVENTS, this::handle);
    }

    @Override
    public String name() {
        return "validator";
    }

    @Override
    public void start() {
        loop.start();
    }

    @Override
    public Health health() {
        return loop.health();
    }

    /** {@code GET /v1/trainings/{dataset}/{batch}/samples/{step}/{n}}: a sample picture; {@code n} counts from 0. */
    @Override
    public void routes(Router router) {
        router.get("/v1/trainings/:dataset/:batch/samples/:step/:n").handler(this::sample);
    }

    /** Waits for the picture in hand; the checkpoint is evaluated after the next start. */
    @Override
    public void close() {
        validation.stop();
        loop.close();
        validation.close();
    }

    private void handle(Event<TrainingEvent> event) throws IOException {
        TrainingEvent data = event.data();
        if (!(data instanceof TrainingStarted || data instanceof CheckpointSaved)) {
            return;
        }
        Timer.Sample timer = Timer.start(metrics);
        List<Evaluation> found = validation.on(data);
        timer.stop(metrics.timer("aquatint.validation.time"));
        found.forEach(this::publish);
    }

    private void publish(Evaluation evaluation) {
        evaluation.events().forEach(event -> kafka.publisher().publishNow(Topics.VALIDATION_EVENTS, event));
        evaluation.command().ifPresent(command -> kafka.publisher().publishNow(Topics.TRAINING_COMMANDS, command));
        metrics.counter("aquatint.validation.samples")
                .increment(evaluation.samples().size());
        evaluation.alerts().forEach(alert -> metrics.counter(
                        "aquatint.validation.alerts",
                        "level",
                        alert.level().name(),
                        "rule",
                        alert.rule().name())
                .increment());
    }

    private void sample(RoutingContext context) {
        String training = context.pathParam("dataset") + "/" + context.pathParam("batch");
        String step = context.pathParam("step");
        String n = context.pathParam("n");
        JsonError missing = new JsonError(
                404,
                "sample_missing",
                "Training %s has no sample %s of step %s.".formatted(training, n, step),
                "Read the steps and numbers from the samples.generated events; both count from 0.");
        if (TrainingId.parse(training).isEmpty() || !step.matches("\\d{1,9}") || !n.matches("\\d{1,9}")) {
            missing.send(context);
            return;
        }
        String key = new ValidationKeys(training).sample(Integer.parseInt(step), Integer.parseInt(n));
        ObjectResponse.send(context, store, key, missing);
    }
}
