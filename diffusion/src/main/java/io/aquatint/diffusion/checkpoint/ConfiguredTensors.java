package io.aquatint.diffusion.checkpoint;

import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/** A component's tensors beside its config, for what a message can say of both. */
record ConfiguredTensors(TensorSource tensors, String component, Supplier<ModelConfig> config) implements TensorSource {
    @Override
    public Set<String> names() {
        return tensors.names();
    }

    @Override
    public TensorInfo info(String name) {
        return tensors.info(name);
    }

    @Override
    public TensorData read(String name) {
        return tensors.read(name);
    }

    @Override
    public String describe() {
        return tensors.describe();
    }

    @Override
    public String nameInFile(String name) {
        return tensors.nameInFile(name);
    }

    @Override
    public List<String> contradictions() {
        return ShapeFacts.contradictions(component, config.get(), tensors);
    }
}
