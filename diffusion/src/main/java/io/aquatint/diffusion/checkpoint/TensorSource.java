package io.aquatint.diffusion.checkpoint;

import java.util.LinkedHashMap;
import java.util.List;
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

    /** What the file calls a tensor, for messages, where it has another layout; of one that is missing, what it would call it. */
    default String nameInFile(String name) {
        return name;
    }

    /**
     * What the component's {@code config.json} says otherwise than these shapes, a sentence each, for messages; empty where it
     * agrees or there is none.
     */
    default List<String> contradictions() {
        return List.of();
    }

    /** The same tensors with other elements, each made when it is read. */
    default TensorSource changed(TensorChange change) {
        return new ChangedTensors(this, change);
    }

    /**
     * The same tensors under other names.
     *
     * @throws CheckpointException if two get one name
     */
    default TensorSource renamed(UnaryOperator<String> rename) {
        Map<String, String> originals = new LinkedHashMap<>();
        for (String name : names()) {
            String other = originals.put(rename.apply(name), name);
            if (other != null) {
                throw new CheckpointException("%s: %s and %s are two names of one tensor, %s"
                        .formatted(describe(), other, name, rename.apply(name)));
            }
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

            @Override
            public String nameInFile(String name) {
                return original.nameInFile(originals.getOrDefault(name, name));
            }

            @Override
            public List<String> contradictions() {
                return original.contradictions();
            }
        };
    }
}
