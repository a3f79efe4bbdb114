package io.aquatint.diffusion.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Named tensors: one file, several shards, or a view of another source under other names. */
public interface TensorSource {
    /** The names, in the order of the file. */
    Set<String> names();

    /** @throws CheckpointException if there is no such tensor */
    TensorInfo info(String name);

    /** @throws CheckpointException if there is no such tensor */
    TensorData read(String name);

    /** What this is, for messages: a path. */
    String describe();

    /** The same tensors under other names. */
    default TensorSource renamed(UnaryOperator<String> rename) {
        Map<String, String> originals = new LinkedHashMap<>();
        for (String name : names()) {
            originals.put(rename.apply(name), name);
        }
        TensorSource original = this;
        return new TensorSource() {
            @Override
            public Set<String> names() {
                return originals.keySet();
            }

            @Override
            public TensorInfo info(String name) {
                return original.info(originals.getOrDefault(name, name));
            }

            @Override
            public TensorData read(String name) {
                return original.read(originals.getOrDefault(name, name));
            }

            @Override
            public String describe() {
                return original.describe();
            }
        };
    }
}
