package io.aquatint.registry;

import io.aquatint.events.Artifact;
import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What a version does not say of itself. */
final class Versions {
    private Versions() {}

    /** The same version with other files. */
    static ModelVersion with(ModelVersion version, List<Artifact> artifacts) {
        return with(version, version.checkpoints(), artifacts);
    }

    /** The same version with other checkpoints and files. */
    static ModelVersion with(ModelVersion version, List<ModelCheckpoint> checkpoints, List<Artifact> artifacts) {
        return with(version, version.scores(), checkpoints, artifacts);
    }

    /** The same version with scores that it has not; empty if it has them all. */
    static Optional<ModelVersion> withMore(ModelVersion version, List<ModelScores> scores) {
        Map<Integer, ModelScores> all = new TreeMap<>();
        scores.forEach(score -> all.put(score.step(), score));
        version.scores().forEach(score -> all.put(score.step(), score));
        return all.size() == version.scores().size()
                ? Optional.empty()
                : Optional.of(with(version, List.copyOf(all.values()), version.checkpoints(), version.artifacts()));
    }

    private static ModelVersion with(
            ModelVersion version,
            List<ModelScores> scores,
            List<ModelCheckpoint> checkpoints,
            List<Artifact> artifacts) {
        return new ModelVersion(
                version.modelId(),
                version.dataset(),
                version.version(),
                version.trainingId(),
                version.baseModel(),
                version.step(),
                version.spec(),
                version.images(),
                version.heldOut(),
                scores,
                checkpoints,
                artifacts,
                version.createdAt());
    }

    /** The scores of the checkpoint that it is; absent where the validator gave none. */
    static @Nullable ModelScores scores(ModelVersion version) {
        return version.scores().stream()
                .filter(score -> score.step() == version.step())
                .findFirst()
                .orElse(null);
    }
}
