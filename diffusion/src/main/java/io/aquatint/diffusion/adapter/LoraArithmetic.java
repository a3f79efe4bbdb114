package io.aquatint.diffusion.adapter;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Sums of adapters, adapters of another rank, and how strong an adapter is. */
public final class LoraArithmetic {
    private LoraArithmetic() {}

    /**
     * A part of a sum.
     *
     * @param name for messages: the file
     * @param weight 1 for all of it; may be negative
     */
    public record Summand(String name, Collection<LoraWeights> adapters, double weight) {
        public Summand {
            adapters = List.copyOf(adapters);
            if (!Double.isFinite(weight)) {
                throw new IllegalArgumentException("the weight of " + name + " is " + weight);
            }
        }
    }

    /**
     * The adapters that change each weight by just the sum of what the others change it by: their pairs side by side, each weight
     * and each alpha / rank multiplied into {@code up}. A layer's rank is the sum of its ranks, and alpha the same.
     *
     * @throws LoraMismatchException if they are for different base models, with every layer that shows it
     */
    public static List<LoraWeights> sum(List<Summand> summands) {
        Map<Component, Map<String, List<LoraPair>>> layers = new EnumMap<>(Component.class);
        Map<String, String> firstOf = new TreeMap<>();
        for (Summand summand : summands) {
            List<String> problems = new ArrayList<>();
            String before = "";
            for (LoraWeights adapter : summand.adapters()) {
                Map<String, List<LoraPair>> ofComponent =
                        layers.computeIfAbsent(adapter.component(), component -> new TreeMap<>());
                for (Map.Entry<String, LoraPair> layer : adapter.modules().entrySet()) {
                    List<LoraPair> pairs = ofComponent.computeIfAbsent(layer.getKey(), module -> new ArrayList<>());
                    String name = adapter.component().folder() + " " + layer.getKey();
                    if (!pairs.isEmpty() && !fits(pairs.get(0), layer.getValue())) {
                        problems.add("%s is %s, not %s".formatted(name, shape(layer.getValue()), shape(pairs.get(0))));
                        before = firstOf.getOrDefault(name, before);
                    }
                    firstOf.putIfAbsent(name, summand.name());
                    pairs.add(weighted(layer.getValue(), summand.weight()));
                }
            }
            if (!problems.isEmpty()) {
                throw new LoraMismatchException(summand.name(), before, problems);
            }
        }
        List<LoraWeights> sums = new ArrayList<>();
        layers.forEach((component, modules) -> {
            Map<String, LoraPair> pairs = new TreeMap<>();
            modules.forEach((module, parts) -> pairs.put(module, sideBySide(parts)));
            sums.add(LoraWeights.of(component, pairs));
        });
        return sums;
    }

    private static boolean fits(LoraPair one, LoraPair other) {
        long[] first = one.downShape().clone();
        first[0] = other.rank();
        return Arrays.equals(first, other.downShape()) && one.out() == other.out();
    }

    /** The shape of the weight that a pair changes. */
    private static String shape(LoraPair pair) {
        long[] shape = pair.downShape().clone();
        shape[0] = pair.out();
        return Arrays.toString(shape);
    }

    private static LoraPair weighted(LoraPair pair, double weight) {
        float[] up = pair.up().clone();
        double factor = weight * pair.scale();
        for (int i = 0; i < up.length; i++) {
            up[i] = (float) (up[i] * factor);
        }
        return new LoraPair(pair.down(), pair.downShape(), up, pair.upShape(), pair.rank());
    }

    private static LoraPair sideBySide(List<LoraPair> pairs) {
        int rank = pairs.stream().mapToInt(LoraPair::rank).sum();
        LoraPair first = pairs.get(0);
        float[] down = new float[rank * first.width()];
        float[] up = new float[first.out() * rank];
        int before = 0;
        for (LoraPair pair : pairs) {
            System.arraycopy(pair.down(), 0, down, before * pair.width(), pair.down().length);
            for (int row = 0; row < pair.out(); row++) {
                System.arraycopy(pair.up(), row * pair.rank(), up, row * rank + before, pair.rank());
            }
            before += pair.rank();
        }
        return ofRank(first, rank, down, up);
    }

    /** A pair for the same layer, with alpha equal to the rank. */
    private static LoraPair ofRank(LoraPair layer, int rank, float[] down, float[] up) {
        long[] downShape = layer.downShape().clone();
        long[] upShape = layer.upShape().clone();
        downShape[0] = rank;
        upShape[1] = rank;
        return new LoraPair(down, downShape, up, upShape, rank);
    }

    /**
     * What a layer lost.
     *
     * @param relativeError the Frobenius norm of what was left out, by that of the whole change
     */
    public record ResizedLayer(Component component, String module, int before, int after, double relativeError) {}

    /**
     * Adapters of other ranks.
     *
     * @param relativeError of all layers together
     */
    public record Resized(List<LoraWeights> adapters, List<ResizedLayer> layers, double relativeError) {
        public Resized {
            adapters = List.copyOf(adapters);
            layers = List.copyOf(layers);
        }
    }

    /**
     * The best adapters of lower rank: each layer's change without its smallest singular values (Eckart and Young, 1936). No layer
     * gets a higher rank than its change has dimensions.
     *
     * @throws CheckpointException if an adapter holds values that are no numbers
     */
    public static Resized resize(Collection<LoraWeights> adapters, RankRule rule) {
        List<LoraWeights> resized = new ArrayList<>();
        List<ResizedLayer> layers = new ArrayList<>();
        double lost = 0;
        double whole = 0;
        try (LowRank algebra = new LowRank()) {
            for (LoraWeights adapter : adapters) {
                Map<String, LoraPair> pairs = new TreeMap<>();
                for (Map.Entry<String, LoraPair> layer : adapter.modules().entrySet()) {
                    LoraPair pair = layer.getValue();
                    requireFinite(adapter.component(), layer.getKey(), pair);
                    LowRank.Decomposition decomposition = algebra.decompose(pair);
                    double[] values = decomposition.values();
                    int rank = Math.max(1, Math.min(rule.rank(values), values.length));
                    double all = squares(values, 0);
                    double rest = squares(values, rank);
                    pairs.put(layer.getKey(), truncated(pair, decomposition, rank));
                    layers.add(new ResizedLayer(
                            adapter.component(),
                            layer.getKey(),
                            pair.rank(),
                            rank,
                            all == 0 ? 0 : Math.sqrt(rest / all)));
                    lost += rest;
                    whole += all;
                }
                resized.add(LoraWeights.of(adapter.component(), pairs));
            }
        }
        return new Resized(resized, layers, whole == 0 ? 0 : Math.sqrt(lost / whole));
    }

    /** Each singular value goes to both sides alike, so that neither has much larger numbers. */
    private static LoraPair truncated(LoraPair layer, LowRank.Decomposition decomposition, int rank) {
        int all = decomposition.values().length;
        float[] up = new float[layer.out() * rank];
        float[] down = new float[rank * layer.width()];
        for (int k = 0; k < rank; k++) {
            double root = Math.sqrt(decomposition.values()[k]);
            for (int row = 0; row < layer.out(); row++) {
                up[row * rank + k] = (float) (root * decomposition.left()[row * all + k]);
            }
            for (int column = 0; column < layer.width(); column++) {
                down[k * layer.width() + column] = (float) (root * decomposition.right()[k * layer.width() + column]);
            }
        }
        return ofRank(layer, rank, down, up);
    }

    private static double squares(double[] values, int from) {
        double sum = 0;
        for (int i = from; i < values.length; i++) {
            sum += values[i] * values[i];
        }
        return sum;
    }

    private static void requireFinite(Component component, String module, LoraPair pair) {
        for (float[] values : List.of(pair.down(), pair.up())) {
            for (float value : values) {
                if (!Float.isFinite(value)) {
                    throw new CheckpointException(
                            "the adapter of %s %s holds values that are no numbers: train it again or take an earlier checkpoint"
                                    .formatted(component.folder(), module));
                }
            }
        }
    }

    /** The Frobenius norm of each layer's change, by the layer. */
    public static Map<String, Double> norms(LoraWeights adapter) {
        Map<String, Double> norms = new TreeMap<>();
        try (LowRank algebra = new LowRank()) {
            adapter.modules().forEach((module, pair) -> norms.put(module, algebra.norm(pair)));
        }
        return norms;
    }
}
