package io.aquatint.registry;

import io.aquatint.events.Event;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingId;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.ValidationEvent;
import io.aquatint.runtime.kafka.PermanentException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What is known of trainings and of model versions, gathered from the events of five topics. They may come in any order and more
 * than once. Safe to use from several threads.
 */
final class Catalogue {
    private final Duration scoreWait;
    private final Map<String, Lineage> lineages = new TreeMap<>();
    private final Map<String, Instant> completedAt = new HashMap<>();
    private final Map<String, ModelVersion> versions = new TreeMap<>();
    private final Map<String, ModelRejected> rejected = new TreeMap<>();
    private final Set<String> ready = new HashSet<>();

    /** @param scoreWait so long a version waits for the scores of its checkpoint */
    Catalogue(Duration scoreWait) {
        this.scoreWait = scoreWait;
    }

    /** @throws PermanentException if it is not named by its data set and batch, which version and files will be named by */
    synchronized void takeRequest(Event<TrainingRequest> event) {
        if (event.data() instanceof TrainingRequested requested
                && !TrainingId.parse(requested.trainingId())
                        .equals(Optional.of(new TrainingId(requested.dataset(), requested.batch())))) {
            throw new PermanentException("a request of batch %d of '%s' calls its training '%s'"
                    .formatted(requested.batch(), requested.dataset(), requested.trainingId()));
        }
        lineage(event.data().trainingId()).take(event.data());
    }

    synchronized void takeTraining(Event<TrainingEvent> event) {
        TrainingEvent data = event.data();
        lineage(data.trainingId()).take(data);
        if (data instanceof TrainingCompleted) {
            completedAt.merge(data.trainingId(), event.time(), (one, other) -> one.isBefore(other) ? one : other);
        }
    }

    synchronized void takeValidation(Event<ValidationEvent> event) {
        lineage(event.data().trainingId()).take(event.data());
    }

    /** Takes a version as it was made or as it was scored later, of which the one with more scores counts. */
    synchronized void takeVersion(Event<ModelVersion> event) {
        versions.merge(
                event.data().modelId(),
                event.data(),
                (old, now) -> now.scores().size() >= old.scores().size() ? now : old);
    }

    synchronized void takeModel(Event<ModelEvent> event) {
        ModelEvent data = event.data();
        if (data instanceof ModelReady announced) {
            ready.add(announced.modelId());
        } else if (data instanceof ModelRejected refused) {
            rejected.put(refused.dataset() + "/" + refused.version(), refused);
        }
    }

    /**
     * The versions to be made now: the training is done, it is scored or was waited for long enough, and there is neither a version
     * nor a refusal yet. The same events give the same draft, whenever it is made.
     */
    synchronized List<Draft> due(Instant now) {
        return lineages.entrySet().stream()
                .filter(entry -> !versions.containsKey(entry.getKey()) && !rejected.containsKey(entry.getKey()))
                .filter(entry -> entry.getValue().complete())
                .filter(entry -> entry.getValue().scored()
                        || !now.isBefore(completedAt(entry.getKey()).plus(scoreWait)))
                .flatMap(entry -> entry.getValue().draft(completedAt(entry.getKey())).stream())
                .toList();
    }

    /** The versions of whose checkpoints some were scored after the version was made, with these scores too. */
    synchronized List<ModelVersion> scoredLater() {
        return versions.values().stream()
                .filter(version -> lineages.containsKey(version.trainingId()))
                .flatMap(version ->
                        Versions.withMore(version, lineage(version.trainingId()).scores()).stream())
                .toList();
    }

    /** The versions that were made but not announced, which happens when the registry ended in between. */
    synchronized List<ModelVersion> unannounced() {
        return versions.values().stream()
                .filter(version -> !ready.contains(version.modelId()))
                .toList();
    }

    /** All versions, or those of one data set, the newest first. */
    synchronized List<ModelVersion> versions(Optional<String> dataset) {
        return versions.values().stream()
                .filter(version -> dataset.isEmpty() || dataset.get().equals(version.dataset()))
                .sorted(Comparator.comparing(ModelVersion::createdAt)
                        .thenComparing(ModelVersion::version)
                        .reversed())
                .toList();
    }

    synchronized Optional<ModelVersion> version(String dataset, int version) {
        return Optional.ofNullable(versions.get(dataset + "/" + version));
    }

    /** The data set's version with the highest number. */
    synchronized Optional<ModelVersion> latest(String dataset) {
        return versions.values().stream()
                .filter(version -> version.dataset().equals(dataset))
                .max(Comparator.comparingInt(ModelVersion::version));
    }

    /** Why a version was refused, if it was. */
    synchronized Optional<ModelRejected> rejection(String dataset, int version) {
        return Optional.ofNullable(rejected.get(dataset + "/" + version));
    }

    private Lineage lineage(String trainingId) {
        return lineages.computeIfAbsent(trainingId, Lineage::new);
    }

    private Instant completedAt(String trainingId) {
        return completedAt.getOrDefault(trainingId, Instant.EPOCH);
    }
}
