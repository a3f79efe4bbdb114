package io.aquatint.diffusion.adapter;

import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.LinearRule;
import io.aquatint.diffusion.graph.Value;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Where a LoRA's pairs lie in one flat float32 tensor: for each adapted layer, in the order of the checkpoint, first down [rank,
 * in], then up [out, rank]. One tensor means one gradient, one norm and one optimiser update.
 */
public final class LoraLayout {
    private final LoraConfig config;
    private final Map<String, Site> sites = new LinkedHashMap<>();
    private final int size;

    /** A layer with a pair. {@code index} counts the pairs, {@code offset} the floats before this one. */
    public record Site(String module, int index, int in, int out, int offset) {}

    private LoraLayout(LoraConfig config, List<Map.Entry<String, TensorInfo>> layers) {
        this.config = config;
        int offset = 0;
        for (Map.Entry<String, TensorInfo> layer : layers) {
            int out = Math.toIntExact(layer.getValue().shape().get(0));
            int in = Math.toIntExact(layer.getValue().shape().get(1));
            sites.put(layer.getKey(), new Site(layer.getKey(), sites.size(), in, out, offset));
            offset = Math.addExact(offset, Math.multiplyExact(config.rank(), in + out));
        }
        this.size = offset;
    }

    /**
     * The layout for a network.
     *
     * @throws IllegalArgumentException if a target names no layer
     * @throws UnsupportedModelException if a target names a layer that is not linear
     */
    public static LoraLayout of(TensorSource network, LoraConfig config) {
        List<Map.Entry<String, TensorInfo>> layers = new ArrayList<>();
        for (String name : network.names()) {
            if (!name.endsWith(".weight")) {
                continue;
            }
            String module = name.substring(0, name.length() - ".weight".length());
            if (!config.targets(module)) {
                continue;
            }
            TensorInfo info = network.info(name);
            if (info.shape().size() != 2) {
                throw new UnsupportedModelException("%s: %s has the shape %s; only linear layers can have a LoRA"
                        .formatted(network.describe(), module, info.shape()));
            }
            layers.add(Map.entry(module, info));
        }
        for (String target : config.targetModules()) {
            LoraConfig one = new LoraConfig(config.rank(), config.alpha(), List.of(target));
            if (layers.stream().noneMatch(layer -> one.targets(layer.getKey()))) {
                throw new IllegalArgumentException(
                        "the target module '%s' names no layer of %s".formatted(target, network.describe()));
            }
        }
        return new LoraLayout(config, layers);
    }

    public LoraConfig config() {
        return config;
    }

    /** The adapted layers by their names. */
    public Map<String, Site> sites() {
        return Collections.unmodifiableMap(sites);
    }

    /** The floats of all pairs together. */
    public int size() {
        return size;
    }

    /** A new adapter: down as PyTorch initialises a linear layer (uniform within 1 / sqrt(in)), up zero, so that it changes nothing. */
    public float[] initialize(long seed) {
        float[] flat = new float[size];
        SplittableRandom random = new SplittableRandom(seed);
        for (Site site : sites.values()) {
            double bound = 1 / Math.sqrt(site.in());
            for (int i = 0; i < config.rank() * site.in(); i++) {
                flat[site.offset() + i] = (float) random.nextDouble(-bound, bound);
            }
        }
        return flat;
    }

    /** Adds the pairs of a flat adapter to the layers of a graph: y + alpha / rank * up(down(x)). */
    public LinearRule rule() {
        return new LinearRule() {
            private boolean split;

            @Override
            public Optional<Value> apply(Graph graph, String module, Value input, Value output) {
                Site site = sites.get(module);
                if (site == null) {
                    return Optional.empty();
                }
                if (!split) {
                    graph.prologue("lora", "torch.split_with_sizes(%s, %s, 0)", graph.input("adapter"), parts());
                    split = true;
                }
                int rank = config.rank();
                Value down = graph.op("torch.reshape(lora[%s], [%s, %s])", 2 * site.index(), rank, site.in());
                Value up = graph.op("torch.reshape(lora[%s], [%s, %s])", 2 * site.index() + 1, site.out(), rank);
                Value low = graph.op("torch.linear(%s, %s, None)", input, down); // [..., rank]
                Value change = graph.op("torch.linear(%s, %s, None)", low, up); // [..., out]
                return Optional.of(graph.op("torch.add(%s, %s, alpha=%s)", output, change, config.scale()));
            }
        };
    }

    private List<Integer> parts() {
        List<Integer> parts = new ArrayList<>();
        for (Site site : sites.values()) {
            parts.add(config.rank() * site.in());
            parts.add(config.rank() * site.out());
        }
        return parts;
    }

    /** One layer's down matrix [rank, in] out of a flat adapter. */
    public float[] down(float[] flat, Site site) {
        return Arrays.copyOfRange(flat, site.offset(), site.offset() + config.rank() * site.in());
    }

    /** One layer's up matrix [out, rank] out of a flat adapter. */
    public float[] up(float[] flat, Site site) {
        int start = site.offset() + config.rank() * site.in();
        return Arrays.copyOfRange(flat, start, start + config.rank() * site.out());
    }

    /** Puts one layer's pair into a flat adapter. */
    public void put(float[] flat, Site site, float[] down, float[] up) {
        if (down.length != config.rank() * site.in() || up.length != config.rank() * site.out()) {
            throw new IllegalArgumentException("%s: a pair of %d and %d floats does not fit rank %d, %d to %d"
                    .formatted(site.module(), down.length, up.length, config.rank(), site.in(), site.out()));
        }
        System.arraycopy(down, 0, flat, site.offset(), down.length);
        System.arraycopy(up, 0, flat, site.offset() + down.length, up.length);
    }
}
