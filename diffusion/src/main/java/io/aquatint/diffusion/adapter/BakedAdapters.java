package io.aquatint.diffusion.adapter;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.adapter.LoraArithmetic.Summand;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorChange;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.graph.Weights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Adapters added to the weights themselves, for a base model that needs no adapter any more. All of a weight's changes are added
 * in float32, and the sum is rounded once.
 */
public final class BakedAdapters {
    private BakedAdapters() {}

    /**
     * The base model with adapters in its weights, each made when it is read.
     *
     * @param dtype of every weight; null for what the base has
     * @throws io.aquatint.diffusion.checkpoint.LoraMismatchException if an adapter does not fit the base, with all that does not
     */
    public static ModelSource bake(ModelSource base, List<Summand> summands, @Nullable DType dtype) {
        summands.forEach(summand -> LoraWeights.verify(summand.name(), base, summand.adapters()));
        return base.changed(component -> new Change(changes(component, summands), dtype));
    }

    /** One of the changes of a weight: strength * alpha / rank * up down. */
    private record Part(LoraPair pair, double strength) {}

    private static Map<String, List<Part>> changes(String component, List<Summand> summands) {
        Map<String, List<Part>> changes = new TreeMap<>();
        for (Summand summand : summands) {
            summand.adapters().stream()
                    .filter(adapter -> adapter.component().folder().equals(component))
                    .forEach(adapter -> adapter.modules().forEach((module, pair) -> changes.computeIfAbsent(
                                    module + ".weight", name -> new ArrayList<>())
                            .add(new Part(pair, summand.weight()))));
        }
        return changes;
    }

    private record Change(
            Map<String, List<Part>> changes, @Nullable DType dtype) implements TensorChange {
        @Override
        public TensorInfo info(String name, TensorInfo stored) {
            return to(stored).info(name, stored);
        }

        @Override
        public TensorData data(String name, TensorData stored) {
            List<Part> parts = changes.get(name);
            TensorData changed = parts == null ? stored : sum(stored, parts);
            return to(stored.info()).data(name, changed);
        }

        private TensorChange to(TensorInfo stored) {
            DType wanted = dtype;
            if (wanted == null) {
                wanted = stored.dtype().isFloatingPoint() ? stored.dtype() : DType.F32; // integers stay in any case
            }
            return TensorChange.to(wanted);
        }

        private static TensorData sum(TensorData stored, List<Part> parts) {
            try (NDManager scope = NDManager.newBaseManager("PyTorch")) {
                NDArray weight = Weights.toDevice(scope, stored);
                for (Part part : parts) {
                    weight = added(scope, weight, part.pair(), part.strength());
                }
                return TensorData.of(weight.toFloatArray(), stored.info().dimensions());
            }
        }
    }

    /**
     * weight + strength * alpha / rank * up down, in float32.
     *
     * @param weight [out, in] or [out, in, height, width]; stays as it is
     */
    public static NDArray added(NDManager outputs, NDArray weight, LoraPair pair, double strength) {
        try (NDManager scope = outputs.newSubManager()) {
            NDArray down = scope.create(pair.down(), new Shape(pair.rank(), pair.width()));
            NDArray up = scope.create(pair.up(), new Shape(pair.out(), pair.rank()));
            NDArray change =
                    up.matMul(down).mul((float) (strength * pair.scale())).reshape(weight.getShape());
            NDArray sum = change.add(weight);
            sum.attach(outputs);
            return sum;
        }
    }
}
