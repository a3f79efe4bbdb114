package io.aquatint.registry;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.events.Artifact;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.runtime.store.ObjectCache;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
            Path adapter = fetch(draft, scratch.file("adapter.safetensors"));
            AdapterFiles.Written written = AdapterFiles.write(
                    adapter,
                    base,
                    draft.request(),
                    draft.chosen().step(),
                    draft.version().createdAt(),
                    scratch.folder());
            return List.of(
                    store(draft, ArtifactFormat.DIFFUSERS, written.diffusers()),
                    store(draft, ArtifactFormat.KOHYA, written.kohya()));
        }
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

    private Artifact store(Draft draft, ArtifactFormat format, Path file) throws IOException {
        String dataset = draft.version().dataset();
        int version = draft.version().version();
        String key = "models/%s/%d/%s".formatted(dataset, version, file.getFileName());
        store.put(key, file, CONTENT_TYPE);
        return new Artifact(format, key, Sha256.of(file), Files.size(file), links.of(dataset, version, format, key));
    }
}
