package io.aquatint.registry;

import io.aquatint.events.Artifact;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a version does not say of itself. */
final class Versions {
    private Versions() {}

    /** The same version with other files. */
    static ModelVersion with(ModelVersion version, List<Artifact> artifacts) {
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
                version.scores(),
                version.checkpoints(),
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
