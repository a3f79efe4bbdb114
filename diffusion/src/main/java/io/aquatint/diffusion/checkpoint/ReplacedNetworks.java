package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;
import java.util.Map;

/** A base model with other networks in place of some of its own. */
record ReplacedNetworks(ModelSource original, Map<String, TensorSource> networks) implements ModelSource {
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
        TensorSource other = networks.get(component);
        return other == null
                ? original.weights(component)
                : new ConfiguredTensors(other, component, () -> config(component));
    }

    @Override
    public Path tokenizerFolder(String component) {
        return original.tokenizerFolder(component);
    }
}
