package io.aquatint.validator;

import io.aquatint.events.Event;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.Sample;
import io.aquatint.events.SamplesGenerated;
import io.aquatint.events.StopTraining;
import io.aquatint.events.TrainingCommand;
import io.aquatint.events.ValidationEvent;
import io.aquatint.events.ValidationScored;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What was found at a step. It is kept in the object store, so that a checkpoint that is announced again leads to the same events.
 *
 * @param epoch of the checkpoint; 0 for the base model
 * @param adapter the SHA-256 of the checkpoint's adapter; absent for the base model
 * @param stop the command to end the training, where this step is the first that calls for it
 */
record Evaluation(
        int epoch,
        @Nullable String adapter,
        Instant time,
        ValidationScored scored,
        List<Sample> samples,
        List<OverfittingAlert> alerts,
        @Nullable StopTraining stop) {
    private static final URI SOURCE = URI.create("/aquatint/validator");

    Evaluation {
        samples = List.copyOf(samples);
        alerts = List.copyOf(alerts);
    }

    String trainingId() {
        return scored.trainingId();
    }

    int step() {
        return scored.step();
    }

    /** Samples, alerts, scores: with the scores the step is told completely. */
    List<Event<ValidationEvent>> events() {
        List<Event<ValidationEvent>> events = new ArrayList<>();
        events.add(event("samples.generated", "", new SamplesGenerated(trainingId(), step(), samples)));
        alerts.forEach(alert -> events.add(event("overfitting.alert", ":" + alert.rule(), alert)));
        events.add(event("validation.scored", "", scored));
        return events;
    }

    Optional<Event<TrainingCommand>> command() {
        return Optional.ofNullable(stop)
                .map(command -> Event.of("training.stop:" + trainingId(), SOURCE, time, trainingId(), command));
    }

    private Event<ValidationEvent> event(String type, String suffix, ValidationEvent data) {
        String id = "%s:%s:%d%s".formatted(type, trainingId(), step(), suffix);
        return Event.of(id, SOURCE, time, trainingId(), data);
    }
}
