package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Weights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Adds adapters to weights: W + weight * alpha / rank * up down. */
final class LoraFusion {
    private LoraFusion() {}

    /** @throws IllegalArgumentException if an adapter is for a component that the model has not */
    static void check(StableDiffusion model, List<WeightedLora> adapters) {
        boolean two = model.textEncoders().size() > 1;
        if (!two && adapters.stream().anyMatch(lora -> lora.adapter().component() == Component.TEXT_ENCODER_2)) {
            throw new IllegalArgumentException("the adapter is for SDXL: %s has no second text encoder to adapt"
                    .formatted(model.source().path()));
        }
    }

    /**
     * The weights with all adapters of one component.
     *
     * @param component the folder in diffusers layout, for example {@code unet}
     *
     * @throws io.aquatint.diffusion.checkpoint.CheckpointException if an adapter does not fit the model
     */
    static Weights fuse(
            NDManager parent, Weights weights, ModelSource source, String component, List<WeightedLora> adapters) {
        NDManager manager = parent.newSubManager();
        try {
            Map<String, NDArray> fused = new LinkedHashMap<>();
            for (WeightedLora weighted : adapters) {
                if (weighted.adapter().component().folder().equals(component)) {
                    weighted.adapter().verifyAgainst(source.weights(component));
                    weighted.adapter().modules().forEach((module, pair) -> {
                        String name = module + ".weight";
                        NDArray weight = fused.containsKey(name) ? fused.get(name) : weights.get(name);
                        fused.put(name, add(manager, weight, pair, weighted.weight()));
                    });
                }
            }
            return weights.replacing(manager, fused);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    private static NDArray add(NDManager manager, NDArray weight, LoraPair pair, double strength) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray down = scope.create(pair.down(), new Shape(pair.rank(), pair.down().length / pair.rank()));
            NDArray up = scope.create(pair.up(), new Shape(pair.up().length / pair.rank(), pair.rank()));
            NDArray change =
                    up.matMul(down).mul((float) (strength * pair.scale())).reshape(weight.getShape());
            NDArray sum = change.add(weight);
            sum.attach(manager);
            return sum;
        }
    }
}
