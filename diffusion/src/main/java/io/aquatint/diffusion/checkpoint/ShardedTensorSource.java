package io.aquatint.diffusion.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Tensors spread over several files, as a {@code *.safetensors.index.json} says. */
final class ShardedTensorSource implements TensorSource {
    private final String description;
    private final Map<String, SafetensorsFile> shardOf = new LinkedHashMap<>();

    ShardedTensorSource(String description, Map<String, SafetensorsFile> shardOf) {
        this.description = description;
        this.shardOf.putAll(shardOf);
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(shardOf.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        return shard(name).info(name);
    }

    @Override
    public TensorData read(String name) {
        return shard(name).read(name);
    }

    @Override
    public String describe() {
        return description;
    }

    private SafetensorsFile shard(String name) {
        SafetensorsFile shard = shardOf.get(name);
        if (shard == null) {
            throw new CheckpointException(description + " has no tensor " + name);
        }
        return shard;
    }
}
