package io.aquatint.diffusion.training;

import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextEncoder;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Pairs beside the layers of the UNet, and of the text encoders where the method says so. */
final class TrainableLora implements Trainable {
    private final StableDiffusion model;
    private final boolean textEncoders;
    private final LoraLayout layout;
    private final long seed;

    TrainableLora(StableDiffusion model, TrainingMethod.Lora method, long seed) {
        this.model = model;
        this.textEncoders = method.textEncoders();
        this.seed = seed;
        Map<Component, TensorSource> networks = new EnumMap<>(Component.class);
        for (Component component : Component.values()) {
            boolean wanted = component == Component.UNET || textEncoders;
            if (wanted && model.source().has(component.folder())) {
                networks.put(component, model.source().weights(component.folder()));
            }
        }
        this.layout = LoraLayout.of(networks, method.config());
    }

    @Override
    public ParameterLayout layout() {
        return layout.parameters();
    }

    @Override
    public void initialize(FlatTensors parameters, @Nullable Path previous) {
        layout.initialize(seed).forEach(parameters::set);
        if (previous != null) {
            goOnFrom(LoraFormats.readAll(previous.resolve(LoraFormats.DIFFUSERS_NAME)), previous, parameters);
        }
    }

    private void goOnFrom(Map<Component, LoraWeights> adapters, Path previous, FlatTensors parameters) {
        for (LoraLayout.Site site : layout.sites()) {
            LoraWeights adapter = adapters.get(site.component());
            LoraPair pair = adapter == null ? null : adapter.modules().get(site.module());
            if (pair == null || pair.rank() != layout.config().rank()) {
                throw new CheckpointException("%s: the adapter of %s %s has %s, but this training needs rank %d"
                        .formatted(
                                previous,
                                site.component().folder(),
                                site.module(),
                                pair == null ? "no pair" : "rank " + pair.rank(),
                                layout.config().rank()));
            }
            if (pair.down().length != pair.rank() * site.in() || pair.up().length != pair.rank() * site.out()) {
                throw new CheckpointException(
                        "%s: the adapter of %s %s is for a layer of %d to %d, but this base has %d to %d"
                                .formatted(
                                        previous,
                                        site.component().folder(),
                                        site.module(),
                                        pair.down().length / pair.rank(),
                                        pair.up().length / pair.rank(),
                                        site.in(),
                                        site.out()));
            }
            // what one calls up, the other may call half of up: the change is the same
            float strength = (float) (pair.scale() / layout.config().scale());
            float[] up = pair.up().clone();
            for (int i = 0; i < up.length; i++) {
                up[i] *= strength;
            }
            parameters.set(site.down(), TensorData.of(pair.down(), pair.rank(), site.in()));
            parameters.set(site.up(), TensorData.of(up, site.out(), pair.rank()));
        }
    }

    @Override
    public GraphRule rule(Parameters parameters) {
        return layout.rule(parameters);
    }

    @Override
    public boolean changesText() {
        return textEncoders;
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
        return null;
    }

    @Override
    public void write(TensorSource parameters, Path folder, Map<String, String> metadata) {
        LoraFormats.writeDiffusers(folder.resolve(LoraFormats.DIFFUSERS_NAME), layout.adapters(parameters), metadata);
    }
}
