package io.aquatint.events;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A model version can be used: its files were re-read and checked against the base model. */
@EventType("model.ready")
public record ModelReady(
        String modelId,
        String dataset,
        int version,
        String trainingId,
        String baseModel,
        int step,
        List<Artifact> artifacts,
        @Nullable ModelScores scores)
        implements ModelEvent {
    public ModelReady {
        artifacts = List.copyOf(artifacts);
    }
}
