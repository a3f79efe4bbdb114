package io.aquatint.diffusion.checkpoint;

import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Tensors of no file. */
record TensorsInMemory(Map<String, TensorData> tensors) implements TensorSource {
    @Override
    public Set<String> names() {
        return tensors.keySet();
    }

    @Override
    public TensorInfo info(String name) {
        return read(name).info();
    }

    @Override
    public TensorData read(String name) {
        return Objects.requireNonNull(tensors.get(name), name);
    }

    @Override
    public String describe() {
        return "tensors in memory";
    }
}
