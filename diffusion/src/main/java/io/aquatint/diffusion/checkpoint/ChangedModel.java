package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;
import java.util.function.Function;

/** A base model whose weights are changed as they are read. */
record ChangedModel(ModelSource original, Function<String, TensorChange> change) implements ModelSource {
    @Override
    public Path path() {
        return original.path();
    }

    @Override
    public Architecture architecture() {
        return original.architecture();
    }

    @Override
    public boolean has(String component) {
        return original.has(component);
    }

    @Override
    public ModelConfig config(String component) {
        return original.config(component);
    }

    @Override
    public TensorSource weights(String component) {
        return original.weights(component).changed(change.apply(component));
    }

    @Override
    public Path tokenizerFolder(String component) {
        return original.tokenizerFolder(component);
    }
}
