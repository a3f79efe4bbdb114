package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Keeps the base model that was used last, for the next job is most likely one of the same. For one thread at a time. */
public final class WarmModel implements AutoCloseable {
    private final BaseModels models;
    private @Nullable StableDiffusion loaded;
    private @Nullable Path path;
    private Precision precision = Precision.FP32;

    public WarmModel(BaseModels models) {
        this.models = models;
    }

    /** The base model of this name in float32. */
    public StableDiffusion get(String name) {
        return get(name, Precision.FP32);
    }

    /** The base model of this name; it stays this object's. Another one that was loaded before is closed. */
    public StableDiffusion get(String name, Precision wantedPrecision) {
        Path wanted = models.path(name).toAbsolutePath().normalize();
        if (loaded == null || !wanted.equals(path) || wantedPrecision != precision) {
            close();
            loaded = StableDiffusion.load(ModelSource.open(wanted), wantedPrecision);
            path = wanted;
            precision = wantedPrecision;
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
