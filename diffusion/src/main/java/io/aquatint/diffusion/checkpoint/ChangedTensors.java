package io.aquatint.diffusion.checkpoint;

import java.util.List;
import java.util.Set;

/** Tensors that are changed as they are read, one at a time. */
record ChangedTensors(TensorSource original, TensorChange change) implements TensorSource {
    @Override
    public Set<String> names() {
        return original.names();
    }

    @Override
    public TensorInfo info(String name) {
        return change.info(name, original.info(name));
    }

    @Override
    public TensorData read(String name) {
        return change.data(name, original.read(name));
    }

    @Override
    public String describe() {
        return original.describe();
    }

    @Override
    public String nameInFile(String name) {
        return original.nameInFile(name);
    }

    @Override
    public List<String> contradictions() {
        return original.contradictions();
    }
}
