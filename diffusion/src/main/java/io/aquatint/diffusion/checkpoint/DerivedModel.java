package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;
import java.util.function.Function;

/**
 * A base model with other weights.
 *
 * @param derived what takes the place of a component's weights, or these themselves
 */
record DerivedModel(ModelSource original, Function<String, TensorSource> derived) implements ModelSource {
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
        return derived.apply(component);
    }

    @Override
    public boolean zerosForAbsentNegativePrompt() {
        return original.zerosForAbsentNegativePrompt();
    }

    @Override
    public Path tokenizerFolder(String component) {
        return original.tokenizerFolder(component);
    }
}
