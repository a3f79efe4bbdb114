package io.aquatint.trainer;

import io.aquatint.events.Artifact;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.Event;
import io.aquatint.events.FailureReason;
import io.aquatint.events.Method;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/** The model versions that trainings may start from, as the registry told of them. */
final class EarlierVersions {
    private final Map<String, Version> versions = new ConcurrentHashMap<>();

    /** A version, less what it was made of. */
    private record Version(
            String modelId, String dataset, int number, String baseModel, Method method, List<Artifact> files) {}

    void on(Event<ModelVersion> event) {
        ModelVersion version = event.data();
        List<Artifact> files = version.artifacts().stream()
                .filter(artifact -> artifact.format() == ArtifactFormat.DIFFUSERS)
                .toList();
        versions.put(
                version.modelId(),
                new Version(
                        version.modelId(),
                        version.dataset(),
                        version.version(),
                        version.baseModel(),
                        version.spec().method(),
                        files));
    }

    /**
     * Fetches what a request is to start from.
     *
     * @param folder for the files; exists
     * @return the folder; empty when the request starts from the base model
     * @throws TrainingFailedException if there is no such version, or none that this training can start from
     */
    Optional<Path> fetch(TrainingRequested request, ObjectStore store, Path folder) {
        Optional<Version> found = find(request);
        found.ifPresent(version -> {
            check(request.spec(), version);
            version.files().forEach(file -> fetch(version, file, store, folder));
        });
        return found.map(version -> folder);
    }

    private Optional<Version> find(TrainingRequested request) {
        String from = request.spec().initFrom();
        if (from == null) {
            return Optional.empty();
        } else if (from.equals(TrainingSpec.PREVIOUS)) {
            return versions.values().stream()
                    .filter(version ->
                            version.dataset().equals(request.dataset()) && version.number() < request.batch())
                    .max(Comparator.comparingInt(Version::number));
        }
        Version version = versions.get(from);
        if (version == null) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "initFrom is %s, but there is no such model version: wait for its model.ready, or name another"
                            .formatted(from));
        }
        return Optional.of(version);
    }

    private static void check(TrainingSpec spec, Version version) {
        if (kind(spec.method()) != kind(version.method())) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "initFrom is %s, which %s made: %s cannot start from it"
                            .formatted(version.modelId(), version.method(), spec.method()));
        }
        if (!spec.baseModel().equals(version.baseModel())) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "initFrom is %s, which was made from %s, but baseModel is %s"
                            .formatted(version.modelId(), version.baseModel(), spec.baseModel()));
        }
    }

    /** Methods that leave the same kind of weights. */
    private static Method kind(Method method) {
        return switch (method) {
            case LORA, DREAMBOOTH_LORA -> Method.LORA;
            case DREAMBOOTH, FULL -> Method.FULL;
            case TEXTUAL_INVERSION -> Method.TEXTUAL_INVERSION;
        };
    }

    private static void fetch(Version version, Artifact file, ObjectStore store, Path folder) {
        String prefix = "models/%s/".formatted(version.modelId());
        String key = file.objectKey();
        Path to = folder.resolve(key.startsWith(prefix) ? key.substring(prefix.length()) : key)
                .normalize();
        if (!to.startsWith(folder)) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "initFrom is %s, whose file '%s' is out of place".formatted(version.modelId(), key));
        }
        try {
            Files.createDirectories(to.getParent());
            store.download(key, to);
            if (!Sha256.of(to).equals(file.sha256())) {
                throw new TrainingFailedException(
                        FailureReason.BAD_SPEC,
                        "initFrom is %s, whose file '%s' is not the one that was announced"
                                .formatted(version.modelId(), key));
            }
        } catch (ObjectMissingException e) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "initFrom is %s, whose file '%s' is not in the object store any more"
                            .formatted(version.modelId(), key),
                    e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(to, e), e);
        }
    }
}
