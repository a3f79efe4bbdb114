package io.aquatint.events;

import java.time.Instant;
import java.util.List;

/** A model version with its lineage: what it was made from, how, and how it scored. */
@EventType("model.version")
public record ModelVersion(
        String modelId,
        String dataset,
        int version,
        String trainingId,
        String baseModel,
        int step,
        TrainingSpec spec,
        List<ManifestImage> images,
        List<ManifestImage> heldOut,
        List<ModelScores> scores,
        List<ModelCheckpoint> checkpoints,
        List<Artifact> artifacts,
        Instant createdAt) {
    public ModelVersion {
        images = List.copyOf(images);
        heldOut = List.copyOf(heldOut);
        scores = List.copyOf(scores);
        checkpoints = List.copyOf(checkpoints);
        artifacts = List.copyOf(artifacts);
    }
}
