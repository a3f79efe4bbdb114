package io.aquatint.diffusion.pipeline;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Keeps the base model that was used last, for the next job is most likely one of the same. For one thread at a time. */
public final class WarmModel implements AutoCloseable {
    private final BaseModels models;
    private @Nullable StableDiffusion loaded;
    private @Nullable Path path;

    public WarmModel(BaseModels models) {
        this.models = models;
    }

    /** The base model of this name; it stays this object's. Another one that was loaded before is closed. */
    public StableDiffusion get(String name) {
        Path wanted = models.path(name).toAbsolutePath().normalize();
        if (loaded == null || !wanted.equals(path)) {
            close();
            loaded = StableDiffusion.load(wanted);
            path = wanted;
        }
        return loaded;
    }

    /** Frees the model; the next {@link #get} loads one again. */
    @Override
    public void close() {
        if (loaded != null) {
            loaded.close();
            loaded = null;
        }
    }
}
