package io.aquatint.registry;

import io.aquatint.events.Artifact;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A version in a list: without what it was made from. */
record ModelSummary(
        String modelId,
        String dataset,
        int version,
        String baseModel,
        int step,
        @Nullable ModelScores scores,
        List<Artifact> artifacts,
        Instant createdAt) {

    static ModelSummary of(ModelVersion version) {
        return new ModelSummary(
                version.modelId(),
                version.dataset(),
                version.version(),
                version.baseModel(),
                version.step(),
                Versions.scores(version),
                version.artifacts(),
                version.createdAt());
    }
}
