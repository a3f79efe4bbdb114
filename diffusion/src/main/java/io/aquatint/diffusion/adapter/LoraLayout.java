package io.aquatint.diffusion.adapter;

import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Value;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * Where a LoRA's pairs lie in one flat tensor: for each adapted layer, in the order of the checkpoint, first down [rank, in], then
 * up [out, rank]. The layers may be of several networks, whose graphs are then written below their components' names.
 */
public final class LoraLayout {
    private final LoraConfig config;
    private final Map<String, Site> sites = new LinkedHashMap<>();
    private final ParameterLayout parameters;

    /**
     * A layer with a pair.
     *
     * @param module the layer's name in its network
     */
    public record Site(Component component, String module, int in, int out) {
        private String fullName() {
            return component.folder() + "." + module;
        }

        /** The name of the pair's down matrix in the flat tensor. */
        public String down() {
            return fullName() + ".lora.down.weight";
        }

        /** The name of the pair's up matrix in the flat tensor. */
        public String up() {
            return fullName() + ".lora.up.weight";
        }
    }

    private LoraLayout(LoraConfig config, List<Site> layers) {
        this.config = config;
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (Site site : layers) {
            sites.put(site.fullName(), site);
            shapes.put(site.down(), List.of((long) config.rank(), (long) site.in()));
            shapes.put(site.up(), List.of((long) site.out(), (long) config.rank()));
        }
        this.parameters = ParameterLayout.of(shapes);
    }

    /** The layout for a UNet alone; see {@link #of(Map, LoraConfig)}. */
    public static LoraLayout of(TensorSource unet, LoraConfig config) {
        return of(Map.of(Component.UNET, unet), config);
    }

    /**
     * The layout for networks. The UNet's layers are the config's target modules, a text encoder's
     * {@link LoraConfig#TEXT_ATTENTION}.
     *
     * @throws IllegalArgumentException if a target names no layer
     * @throws UnsupportedModelException if a target names a layer that is not linear
     */
    public static LoraLayout of(Map<Component, TensorSource> networks, LoraConfig config) {
        List<Site> layers = new ArrayList<>();
        new EnumMap<>(networks).forEach((component, network) -> {
            List<String> targets = component == Component.UNET ? config.targetModules() : LoraConfig.TEXT_ATTENTION;
            layers.addAll(sites(component, network, targets));
        });
        return new LoraLayout(config, layers);
    }

    private static List<Site> sites(Component component, TensorSource network, List<String> targets) {
        List<Site> layers = new ArrayList<>();
        for (String name : network.names()) {
            if (!name.endsWith(".weight")) {
                continue;
            }
            String module = name.substring(0, name.length() - ".weight".length());
            if (targets.stream().noneMatch(target -> LoraConfig.matches(module, target))) {
                continue;
            }
            TensorInfo info = network.info(name);
            if (info.shape().size() != 2) {
                throw new UnsupportedModelException("%s: %s has the shape %s; only linear layers can have a LoRA"
                        .formatted(network.describe(), module, info.shape()));
            }
            int out = Math.toIntExact(info.shape().get(0));
            int in = Math.toIntExact(info.shape().get(1));
            layers.add(new Site(component, module, in, out));
        }
        for (String target : targets) {
            if (layers.stream().noneMatch(site -> LoraConfig.matches(site.module(), target))) {
                throw new IllegalArgumentException(
                        "the target module '%s' names no layer of %s".formatted(target, network.describe()));
            }
        }
        return layers;
    }

    public LoraConfig config() {
        return config;
    }

    /** The adapted layers. */
    public List<Site> sites() {
        return List.copyOf(sites.values());
    }

    /** The tensors of all pairs. */
    public ParameterLayout parameters() {
        return parameters;
    }

    /**
     * A new adapter, the tensors by their names: down as PyTorch initialises a linear layer (uniform within 1 / sqrt(in)), up zero,
     * so that it changes nothing.
     */
    public Map<String, TensorData> initialize(long seed) {
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        SplittableRandom random = new SplittableRandom(seed);
        for (Site site : sites.values()) {
            double bound = 1 / Math.sqrt(site.in());
            float[] down = new float[config.rank() * site.in()];
            for (int i = 0; i < down.length; i++) {
                down[i] = (float) random.nextDouble(-bound, bound);
            }
            tensors.put(site.down(), TensorData.of(down, config.rank(), site.in()));
            tensors.put(site.up(), TensorData.of(new float[site.out() * config.rank()], site.out(), config.rank()));
        }
        return tensors;
    }

    /** Adds the pairs to the layers of a graph: y + alpha / rank * up(down(x)). */
    public GraphRule rule(Parameters pairs) {
        return new GraphRule() {
            @Override
            public Optional<Value> linear(Graph graph, String module, Value input, Value output) {
                Site site = sites.get(module);
                if (site == null) {
                    return Optional.empty();
                }
                Value down = pairs.get(graph, site.down());
                Value up = pairs.get(graph, site.up());
                Value low = graph.op("torch.linear(%s, %s, None)", input, down); // [..., rank]
                return Optional.of(graph.addMatMul(output, low, up, site.out(), config.rank(), config.scale()));
            }
        };
    }

    /** The adapters, one of each component, out of the tensors of all pairs. */
    public List<LoraWeights> adapters(TensorSource pairs) {
        Map<Component, Map<String, LoraPair>> modules = new EnumMap<>(Component.class);
        for (Site site : sites.values()) {
            LoraPair pair = LoraPair.linear(
                    config.rank(),
                    site.in(),
                    site.out(),
                    pairs.read(site.down()).toFloats(),
                    pairs.read(site.up()).toFloats(),
                    config.alpha());
            modules.computeIfAbsent(site.component(), component -> new TreeMap<>())
                    .put(site.module(), pair);
        }
        List<LoraWeights> adapters = new ArrayList<>();
        modules.forEach((component, pairsOfIt) -> adapters.add(LoraWeights.of(component, pairsOfIt)));
        return adapters;
    }
}
