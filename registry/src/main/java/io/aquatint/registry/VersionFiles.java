package io.aquatint.registry;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.events.Artifact;
import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.TrainingRequested;
import io.aquatint.runtime.store.ObjectCache;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Makes the files of a version out of its checkpoint and puts them into the object store. */
final class VersionFiles {
    private static final String CONTENT_TYPE = "application/octet-stream";

    private final ObjectStore store;
    private final Path work;
    private final BaseModels models;
    private final Links links;

    VersionFiles(ObjectStore store, Path work, Links links) {
        this.store = store;
        this.work = work;
        this.models = new BaseModels(work, ObjectCache.ofModels(store, work)::fetch);
        this.links = links;
    }

    /**
     * Writes, checks and stores the files. The same draft gives the same bytes under the same keys.
     *
     * @throws CheckpointException if the checkpoint is not the one that was announced, or does not fit the base model
     * @throws io.aquatint.runtime.store.ObjectMissingException if it is not in the store
     * @throws io.aquatint.diffusion.pipeline.BaseModelMissingException if neither this machine nor the store has such a base model
     * @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException if the base model is of another kind
     */
    List<Artifact> make(Draft draft) throws IOException {
        ModelSource base = ModelSource.open(models.path(draft.version().baseModel()));
        try (var scratch = new Scratch(work)) {
            Path trained = fetch(draft, scratch.file("checkpoint.safetensors"));
            Path folder = Files.createDirectory(scratch.file("files"));
            List<Artifact> artifacts = new ArrayList<>();
            for (WrittenFile file : write(draft, trained, base, folder)) {
                artifacts.add(store(draft, file, folder.relativize(file.path()).toString()));
            }
            return artifacts;
        }
    }

    private static List<WrittenFile> write(Draft draft, Path trained, ModelSource base, Path folder)
            throws IOException {
        TrainingRequested request = draft.request();
        int step = draft.chosen().step();
        return switch (request.spec().method()) {
            case LORA, DREAMBOOTH_LORA ->
                AdapterFiles.write(trained, base, request, step, draft.version().createdAt(), folder);
            case TEXTUAL_INVERSION -> WordFiles.write(trained, base, request, step, folder);
            case DREAMBOOTH, FULL -> TunedNetworks.write(trained, base, request, step, folder);
        };
    }

    /** Those of a version's checkpoints that are still kept. */
    List<ModelCheckpoint> kept(List<ModelCheckpoint> checkpoints) {
        return checkpoints.stream()
                .filter(checkpoint -> store.stat(checkpoint.objectKey()).isPresent())
                .toList();
    }

    private Path fetch(Draft draft, Path to) throws IOException {
        store.download(draft.chosen().objectKey(), to);
        String found = Sha256.of(to);
        if (!found.equals(draft.chosen().sha256())) {
            throw new CheckpointException("checkpoint '%s' has the SHA-256 %s, not %s as was announced"
                    .formatted(draft.chosen().objectKey(), found, draft.chosen().sha256()));
        }
        return to;
    }

    private Artifact store(Draft draft, WrittenFile file, String name) throws IOException {
        String dataset = draft.version().dataset();
        int version = draft.version().version();
        String key = Links.key(dataset, version, name);
        store.put(key, file.path(), CONTENT_TYPE);
        return new Artifact(
                file.format(), key, Sha256.of(file.path()), Files.size(file.path()), links.of(dataset, version, key));
    }
}
