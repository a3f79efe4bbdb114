package io.aquatint.diffusion.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A LoRA adapter of one component of a model.
 *
 * @param rank the largest rank of the pairs
 * @param modules the adapted layers by the checkpoint's module name, for example
 *     {@code down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q}, sorted
 */
public record LoraWeights(int rank, Map<String, LoraPair> modules, Component component) {

    /** The components that adapters are made for. */
    public enum Component {
        UNET("unet"),
        TEXT_ENCODER("text_encoder"),
        TEXT_ENCODER_2("text_encoder_2");

        private final String folder;

        Component(String folder) {
            this.folder = folder;
        }

        /** The folder in diffusers layout, which is also the prefix of tensor names. */
        public String folder() {
            return folder;
        }
    }

    public LoraWeights {
        if (modules.isEmpty()) {
            throw new IllegalArgumentException("an adapter without layers");
        }
        modules = Collections.unmodifiableMap(new TreeMap<>(modules));
    }

    public static LoraWeights of(Component component, Map<String, LoraPair> modules) {
        int rank = modules.values().stream().mapToInt(LoraPair::rank).max().orElse(0);
        return new LoraWeights(rank, modules, component);
    }

    /** The same changes to the weights with every alpha equal to its rank. */
    public LoraWeights folded() {
        Map<String, LoraPair> folded = new TreeMap<>();
        modules.forEach((module, pair) -> folded.put(module, pair.folded()));
        return new LoraWeights(rank, folded, component);
    }

    /**
     * Checks every layer against the base component's weights.
     *
     * @throws LoraMismatchException with all that does not fit
     */
    public void verifyAgainst(TensorSource base) {
        List<String> problems = problems(base);
        if (!problems.isEmpty()) {
            throw new LoraMismatchException(base.describe(), problems);
        }
    }

    /**
     * Checks adapters against a base model.
     *
     * @throws LoraMismatchException with all that does not fit
     */
    public static void verify(ModelSource base, Collection<LoraWeights> adapters) {
        verify("the adapter", base, adapters);
    }

    /** @param name of the adapter, for messages */
    public static void verify(String name, ModelSource base, Collection<LoraWeights> adapters) {
        List<String> problems = new ArrayList<>();
        for (LoraWeights adapter : adapters) {
            String component = adapter.component().folder();
            if (base.has(component)) {
                problems.addAll(adapter.problems(base.weights(component)));
            } else {
                problems.add("the base has no " + component);
            }
        }
        if (!problems.isEmpty()) {
            throw new LoraMismatchException(name, base, adapters, problems);
        }
    }

    private List<String> problems(TensorSource base) {
        List<String> problems = new ArrayList<>();
        modules.forEach((module, pair) -> {
            String weight = module + ".weight";
            if (!base.names().contains(weight)) {
                problems.add(module + " is no layer of the base");
                return;
            }
            long[] shape = base.info(weight).dimensions();
            if (shape.length < 2) {
                problems.add(module + " is no linear or convolution layer: its weight has the shape "
                        + Arrays.toString(shape));
                return;
            }
            long[] down = shape.clone();
            long[] up = new long[shape.length];
            Arrays.fill(up, 1);
            down[0] = pair.rank();
            up[0] = shape[0];
            up[1] = pair.rank();
            if (!Arrays.equals(down, pair.downShape())) {
                problems.add(module + " down has the shape " + Arrays.toString(pair.downShape()) + ", the base needs "
                        + Arrays.toString(down));
            }
            if (!Arrays.equals(up, pair.upShape())) {
                problems.add(module + " up has the shape " + Arrays.toString(pair.upShape()) + ", the base needs "
                        + Arrays.toString(up));
            }
        });
        return problems;
    }
}
