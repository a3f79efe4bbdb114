package io.aquatint.trainer;

import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Keeps the base model of the last job for the next. For one thread at a time. */
final class WarmModel implements AutoCloseable {
    private final BaseModels models;
    private @Nullable StableDiffusion loaded;
    private @Nullable Path folder;

    WarmModel(BaseModels models) {
        this.models = models;
    }

    /** The base model of this name; it stays this object's. Another one that was loaded before is closed. */
    StableDiffusion get(String name) {
        Path wanted = models.folder(name).toAbsolutePath().normalize();
        if (loaded == null || !wanted.equals(folder)) {
            close();
            loaded = StableDiffusion.load(wanted);
            folder = wanted;
        }
        return loaded;
    }

    /** Frees the model; the next job loads one again. */
    @Override
    public void close() {
        if (loaded != null) {
            loaded.close();
            loaded = null;
        }
    }
}
