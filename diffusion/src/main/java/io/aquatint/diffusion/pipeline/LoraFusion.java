package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.graph.Weights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Adds adapters to weights: W + weight * alpha / rank * up down. */
final class LoraFusion {
    private LoraFusion() {}

    /**
     * The weights with all adapters of one component.
     *
     * @throws io.aquatint.diffusion.checkpoint.CheckpointException if an adapter does not fit the model
     */
    static Weights fuse(
            NDManager parent,
            Weights weights,
            DiffusersFolder folder,
            LoraWeights.Component component,
            List<WeightedLora> adapters) {
        NDManager manager = parent.newSubManager();
        try {
            Map<String, NDArray> fused = new LinkedHashMap<>();
            for (WeightedLora weighted : adapters) {
                if (weighted.adapter().component() == LoraWeights.Component.TEXT_ENCODER_2) {
                    throw new IllegalArgumentException("this model has no second text encoder to adapt");
                }
                if (weighted.adapter().component() == component) {
                    weighted.adapter().verifyAgainst(folder.weights(component.folder()));
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
