package io.aquatint.validator;

import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import org.jspecify.annotations.Nullable;

/** The base model that was used last stays loaded: the next checkpoint is most likely one of the same. */
final class WarmModel implements AutoCloseable {
    private final BaseModels models;
    private @Nullable String name;
    private @Nullable StableDiffusion model;

    WarmModel(BaseModels models) {
        this.models = models;
    }

    /** The model, until another one is asked for. */
    StableDiffusion get(String wanted) {
        StableDiffusion loaded = model;
        if (loaded != null && wanted.equals(name)) {
            return loaded;
        }
        close();
        loaded = StableDiffusion.load(models.folder(wanted));
        model = loaded;
        name = wanted;
        return loaded;
    }

    @Override
    public void close() {
        StableDiffusion loaded = model;
        model = null;
        name = null;
        if (loaded != null) {
            loaded.close();
        }
    }
}
