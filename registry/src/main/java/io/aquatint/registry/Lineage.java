package io.aquatint.registry;

import io.aquatint.events.AlertLevel;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.ValidationEvent;
import io.aquatint.events.ValidationScored;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one training, gathered from events of three topics, which may come in any order relative to each other and
 * more than once: an event that is taken twice changes nothing.
 */
final class Lineage {
    private final String trainingId;
    private final TreeMap<Integer, CheckpointSaved> checkpoints = new TreeMap<>();
    private final TreeMap<Integer, ValidationScored> scores = new TreeMap<>();
    private @Nullable TrainingRequested request;
    private @Nullable TrainingCompleted completed;
    private boolean critical;

    Lineage(String trainingId) {
        this.trainingId = trainingId;
    }

    void take(TrainingRequest event) {
        requireMine(event.trainingId());
        if (event instanceof TrainingRequested requested) {
            request = requested;
        }
    }

    /** Takes a trainer's event. Of two of the same step the one of the higher epoch counts. */
    void take(TrainingEvent event) {
        requireMine(event.trainingId());
        if (event instanceof CheckpointSaved saved) {
            checkpoints.merge(saved.step(), saved, (old, now) -> now.epoch() >= old.epoch() ? now : old);
        } else if (event instanceof TrainingCompleted done
                && (completed == null || done.epoch() >= completed.epoch())) {
            completed = done;
        }
    }

    void take(ValidationEvent event) {
        requireMine(event.trainingId());
        if (event instanceof ValidationScored scored) {
            scores.put(scored.step(), scored);
        } else if (event instanceof OverfittingAlert alert && alert.level() == AlertLevel.CRITICAL) {
            critical = true;
        }
    }

    private void requireMine(String id) {
        if (!id.equals(trainingId)) {
            throw new IllegalArgumentException("an event of " + id + " for the lineage of " + trainingId);
        }
    }

    /** The scores of all checkpoints that have any, the earliest first. */
    List<ModelScores> scores() {
        return scores.values().stream().map(Lineage::scores).toList();
    }

    /** True when the request is known and the training is done: a version can be made. */
    boolean complete() {
        return request != null && completed != null;
    }

    /** True when a version made now would have its checkpoint's scores. */
    boolean scored() {
        return completed != null && scores.containsKey(completed.step());
    }

    /**
     * The checkpoint that becomes the version: the final one, or, when a critical alert stopped the training before its last
     * step, the one with the lowest held-out score (the earlier of two equal ones). Empty until the training is done.
     */
    Optional<ModelCheckpoint> chosen() {
        TrainingRequested wanted = request;
        TrainingCompleted done = completed;
        if (wanted == null || done == null) {
            return Optional.empty();
        }
        ModelCheckpoint last = new ModelCheckpoint(done.step(), done.objectKey(), done.sha256(), done.finalLoss());
        if (!critical || done.step() >= wanted.spec().steps()) {
            return Optional.of(last);
        }
        return Optional.of(scores.values().stream()
                .filter(score -> score.step() > 0 && Double.isFinite(score.heldOut()))
                .sorted(Comparator.comparingDouble(ValidationScored::heldOut).thenComparing(ValidationScored::step))
                .map(score -> checkpoints.get(score.step()))
                .filter(saved -> saved != null)
                .map(Lineage::checkpoint)
                .findFirst()
                .orElse(last));
    }

    /** The version with everything that it was made from, but its files; empty until the training is done. */
    Optional<Draft> draft(Instant createdAt) {
        TrainingRequested wanted = request;
        return wanted == null
                ? Optional.empty()
                : chosen().map(chosen -> new Draft(wanted, chosen, version(wanted, chosen, createdAt)));
    }

    private ModelVersion version(TrainingRequested wanted, ModelCheckpoint chosen, Instant createdAt) {
        return new ModelVersion(
                wanted.dataset() + "/" + wanted.batch(),
                wanted.dataset(),
                wanted.batch(),
                trainingId,
                wanted.spec().baseModel(),
                chosen.step(),
                wanted.spec(),
                wanted.images(),
                wanted.heldOut(),
                scores(),
                checkpoints.values().stream().map(Lineage::checkpoint).toList(),
                List.of(),
                createdAt);
    }

    private static ModelScores scores(ValidationScored score) {
        return new ModelScores(score.step(), score.heldOut(), score.trainSubset());
    }

    private static ModelCheckpoint checkpoint(CheckpointSaved saved) {
        return new ModelCheckpoint(saved.step(), saved.objectKey(), saved.sha256(), saved.loss());
    }
}
