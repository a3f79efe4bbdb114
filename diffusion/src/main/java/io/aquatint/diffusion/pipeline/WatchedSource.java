package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.ModelConfig;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** A model's files, with someone who is told how much of them has been read. */
final class WatchedSource implements ModelSource {
    private static final List<String> NETWORKS = List.of("text_encoder", "text_encoder_2", "vae", StableDiffusion.UNET);

    private final ModelSource source;
    private final LoadProgress progress;
    private long read;
    private long total = -1;

    WatchedSource(ModelSource source, LoadProgress progress) {
        this.source = source;
        this.progress = progress;
    }

    private void wasRead(TensorInfo tensor) {
        if (total < 0) {
            total = NETWORKS.stream()
                    .filter(source::has)
                    .map(source::weights)
                    .flatMap(weights -> weights.names().stream().map(weights::info))
                    .mapToLong(WatchedSource::bytes)
                    .sum();
        }
        if (read < total) { // weights that are loaded again later are nothing to wait for
            read += bytes(tensor);
            progress.read(read, total);
        }
    }

    private static long bytes(TensorInfo tensor) {
        return tensor.elements() * tensor.dtype().bytes();
    }

    @Override
    public Path path() {
        return source.path();
    }

    @Override
    public Architecture architecture() {
        return source.architecture();
    }

    @Override
    public boolean has(String component) {
        return source.has(component);
    }

    @Override
    public ModelConfig config(String component) {
        return source.config(component);
    }

    @Override
    public boolean zerosForAbsentNegativePrompt() {
        return source.zerosForAbsentNegativePrompt();
    }

    @Override
    public Path tokenizerFolder(String component) {
        return source.tokenizerFolder(component);
    }

    @Override
    public TensorSource weights(String component) {
        TensorSource weights = source.weights(component);
        return new TensorSource() {
            @Override
            public Set<String> names() {
                return weights.names();
            }

            @Override
            public TensorInfo info(String name) {
                return weights.info(name);
            }

            @Override
            public TensorData read(String name) {
                TensorData tensor = weights.read(name);
                wasRead(weights.info(name));
                return tensor;
            }

            @Override
            public String describe() {
                return weights.describe();
            }

            @Override
            public String nameInFile(String name) {
                return weights.nameInFile(name);
            }

            @Override
            public List<String> contradictions() {
                return weights.contradictions();
            }
        };
    }
}
