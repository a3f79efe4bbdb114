package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextEncoder;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** All weights of the UNet, and of the text encoders where the method says so. */
final class TrainableNetworks implements Trainable {
    private final StableDiffusion model;
    private final TrainingMethod.FullFineTuning method;
    private final Map<String, Map<String, List<Long>>> networks = new LinkedHashMap<>();
    private final ParameterLayout layout;

    TrainableNetworks(StableDiffusion model, TrainingMethod.FullFineTuning method) {
        this.model = model;
        this.method = method;
        networks.put("unet", model.unetWeightShapes());
        if (method.textEncoders()) {
            model.textEncoders().forEach(encoder -> networks.put(encoder.component(), encoder.weightShapes()));
        }
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        networks.forEach(
                (component, weights) -> weights.forEach((name, shape) -> shapes.put(component + "." + name, shape)));
        this.layout = ParameterLayout.of(shapes);
    }

    @Override
    public ParameterLayout layout() {
        return layout;
    }

    @Override
    public void initialize(FlatTensors parameters, @Nullable Path previous) {
        Map<String, TensorSource> sources = new LinkedHashMap<>();
        for (String component : networks.keySet()) {
            sources.put(
                    component,
                    previous == null
                            ? model.source().weights(component)
                            : SafetensorsFile.open(previous.resolve(TrainedFiles.network(component))));
        }
        if (previous != null) {
            NetworkFiles.verify(model.source(), sources);
        }
        networks.forEach((component, weights) -> {
            TensorSource source = Objects.requireNonNull(sources.get(component));
            weights.keySet().forEach(name -> parameters.set(component + "." + name, source.read(name)));
        });
    }

    @Override
    public GraphRule rule(Parameters parameters) {
        return new GraphRule() {
            @Override
            public Optional<Value> weight(Graph graph, String name) {
                return layout.contains(name) ? Optional.of(parameters.get(graph, name)) : Optional.empty();
            }
        };
    }

    @Override
    public boolean changesText() {
        return method.textEncoders();
    }

    @Override
    public List<String> captions(TrainingExample example) {
        return List.of(example.caption());
    }

    @Override
    public List<ClipTokenizer> tokenizers() {
        return model.textEncoders().stream().map(TextEncoder::tokenizer).toList();
    }

    @Override
    public @Nullable Double averageDecay() {
        return method.averageDecay();
    }

    @Override
    public void write(TensorSource parameters, Path folder, Map<String, String> metadata) {
        for (String component : networks.keySet()) {
            Path file = folder.resolve(TrainedFiles.network(component));
            Path config = file.resolveSibling("config.json");
            try {
                Files.createDirectories(config.toAbsolutePath().getParent());
                Files.write(config, model.source().config(component).toJson());
            } catch (IOException e) {
                throw new UncheckedIOException("cannot write %s: %s".formatted(config, e), e);
            }
            Map<String, String> all = new LinkedHashMap<>(metadata);
            all.put("format", "pt");
            SafetensorsWriter.write(file, new Part(parameters, component + ".", networks.get(component)), all);
        }
    }

    /** The tensors below a prefix, without it. */
    private record Part(TensorSource whole, String prefix, Map<String, List<Long>> shapes) implements TensorSource {
        @Override
        public Set<String> names() {
            return shapes.keySet().stream().collect(Collectors.toUnmodifiableSet());
        }

        @Override
        public TensorInfo info(String name) {
            return whole.info(prefix + name);
        }

        @Override
        public TensorData read(String name) {
            return whole.read(prefix + name);
        }

        @Override
        public String describe() {
            return whole.describe();
        }
    }
}
