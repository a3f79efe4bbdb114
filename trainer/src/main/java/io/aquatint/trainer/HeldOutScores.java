package io.aquatint.trainer;

import io.aquatint.events.Event;
import io.aquatint.events.ValidationEvent;
import io.aquatint.events.ValidationScored;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What validators said of the checkpoints of trainings, since the topic's beginning. */
final class HeldOutScores {
    private final Map<String, Map<Integer, Double>> trainings = new ConcurrentHashMap<>();

    void on(Event<ValidationEvent> event) {
        if (event.data() instanceof ValidationScored scored) {
            trainings
                    .computeIfAbsent(scored.trainingId(), id -> new ConcurrentHashMap<>())
                    .put(scored.step(), scored.heldOut());
        }
    }

    Map<Integer, Double> of(String trainingId) {
        return Map.copyOf(trainings.getOrDefault(trainingId, Map.of()));
    }
}
