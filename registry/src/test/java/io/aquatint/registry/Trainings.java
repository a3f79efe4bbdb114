package io.aquatint.registry;

import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.ValidationScored;
import java.util.List;
import java.util.Map;

/** Events of a training of 200 steps, rank 4, alpha 2. */
final class Trainings {
    static final String ID = "cats/3";

    private Trainings() {}

    static TrainingRequested request() {
        TrainingSpec spec = TrainingSpec.builder()
                .triggerWord("sks")
                .resolution(64)
                .steps(200)
                .rank(4)
                .alpha(2.0)
                .seed(7)
                .build();
        return new TrainingRequested(
                ID,
                "cats",
                3,
                spec,
                List.of(new ManifestImage("a1", "datasets/cats/images/a1.png", "a cat", 3)),
                List.of(new ManifestImage("b2", "datasets/cats/images/b2.png", "a cat", 1)));
    }

    static CheckpointSaved checkpoint(int step, int epoch) {
        return new CheckpointSaved(
                ID, step, epoch, "checkpoint-" + step + "-" + epoch, "hash-" + step + "-" + epoch, 10, "state", 0.1);
    }

    static TrainingCompleted completed(int step, int epoch) {
        return new TrainingCompleted(
                ID, step, epoch, "checkpoint-" + step + "-" + epoch, "hash-" + step + "-" + epoch, 20, 0.1);
    }

    static ValidationScored scored(int step, double heldOut) {
        return new ValidationScored(ID, step, heldOut, 0.5, Map.of(), Map.of(), 1);
    }

    static OverfittingAlert alert(AlertLevel level) {
        return new OverfittingAlert(ID, 150, level, AlertRule.VALIDATION_LOSS_RISING, 1, 0.5, "it rises", "stop", null);
    }
}
