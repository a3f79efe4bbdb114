package io.aquatint.diffusion.checkpoint;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The names of a UNet's layers in the original layout (single-file checkpoints; kohya's SDXL adapters) and in diffusers'. The
 * original numbers all blocks through ({@code input_blocks.4.1} is the attention of its fifth), diffusers numbers them within
 * their level ({@code down_blocks.1.attentions.0}): which is which depends on the layers of each level. Names may go on after
 * the layer, so that tensors are named too.
 */
public final class OriginalUNetNames {
    private static final Map<String, String> ENDS = Map.of(
            "time_embed.0", "time_embedding.linear_1",
            "time_embed.2", "time_embedding.linear_2",
            "label_emb.0.0", "add_embedding.linear_1",
            "label_emb.0.2", "add_embedding.linear_2",
            "input_blocks.0.0", "conv_in",
            "out.0", "conv_norm_out",
            "out.2", "conv_out");
    private static final Map<String, String> MIDDLE = Map.of(
            "middle_block.0", "mid_block.resnets.0",
            "middle_block.1", "mid_block.attentions.0",
            "middle_block.2", "mid_block.resnets.1");
    private static final Map<String, String> RESNET = Map.of(
            "in_layers.0", "norm1",
            "in_layers.2", "conv1",
            "emb_layers.1", "time_emb_proj",
            "out_layers.0", "norm2",
            "out_layers.3", "conv2",
            "skip_connection", "conv_shortcut");
    private static final int USUAL_LAYERS = 2;
    private static final int MOST_LAYERS = 8;
    private static final int MOST_LEVELS = 16;

    private final List<Integer> layersPerBlock;
    private final List<Boolean> upAttention;

    /**
     * @param layersPerBlock the resnets of each level on the way down
     * @param upAttention whether each level on the way up, in that order, has attention
     */
    private OriginalUNetNames(List<Integer> layersPerBlock, List<Boolean> upAttention) {
        this.layersPerBlock = List.copyOf(layersPerBlock);
        this.upAttention = List.copyOf(upAttention);
    }

    /** The names of the UNet with this {@code config.json}. */
    public static OriginalUNetNames of(ModelConfig unet) {
        List<String> up = unet.texts("up_block_types");
        return new OriginalUNetNames(
                unet.integers("layers_per_block", up.size()),
                up.stream().map(type -> type.startsWith("CrossAttn")).toList());
    }

    /** The names of the UNet that has these tensors, by their names in the original layout. */
    static OriginalUNetNames ofWholeNetwork(Collection<String> originals) {
        NavigableSet<String> sorted = new TreeSet<>(originals);
        List<Integer> layers = new ArrayList<>(List.of(0));
        for (int block = 1; startsAny(sorted, "input_blocks." + block + "."); block++) {
            if (startsAny(sorted, "input_blocks." + block + ".0.op.")) {
                layers.add(0);
            } else {
                layers.set(layers.size() - 1, layers.get(layers.size() - 1) + 1);
            }
        }
        List<Boolean> attention = new ArrayList<>();
        int first = 0;
        for (int level = layers.size() - 1; level >= 0; level--) {
            attention.add(startsAny(sorted, "output_blocks." + first + ".1.transformer_blocks."));
            first += layers.get(level) + 1;
        }
        return new OriginalUNetNames(layers, attention);
    }

    private static boolean startsAny(NavigableSet<String> sorted, String start) {
        String next = sorted.ceiling(start);
        return next != null && next.startsWith(start);
    }

    /** The names of a UNet with the same number of layers at each of any number of levels. */
    static OriginalUNetNames uniform(int layersPerBlock) {
        return new OriginalUNetNames(
                Collections.nCopies(MOST_LEVELS, layersPerBlock), Collections.nCopies(MOST_LEVELS, true));
    }

    /** The names of a UNet with so many layers at each level, for reading. */
    static OriginalUNetNames reading(List<Integer> layersPerBlock) {
        return new OriginalUNetNames(layersPerBlock, Collections.nCopies(layersPerBlock.size(), true));
    }

    /**
     * The structure that a set of layers in original names implies: two layers a level, as all published models have, if that
     * fits; else so many that every level with attention is whole; else the fewest that fit.
     */
    static Optional<OriginalUNetNames> impliedByOriginal(Collection<String> originals) {
        Map<Integer, Boolean> fitting = fitting(layers -> {
            OriginalUNetNames names = uniform(layers);
            List<String> mapped = originals.stream()
                    .map(names::toDiffusers)
                    .flatMap(Optional::stream)
                    .toList();
            return mapped.size() == originals.size() ? Optional.of(mapped) : Optional.empty();
        });
        return fitting.containsKey(USUAL_LAYERS) ? Optional.of(uniform(USUAL_LAYERS)) : best(fitting);
    }

    /** As {@link #impliedByOriginal} for layers in diffusers' names, which say less: a whole adapter counts for most. */
    static Optional<OriginalUNetNames> impliedByDiffusers(Collection<String> modules) {
        return best(fitting(layers -> {
            OriginalUNetNames names = uniform(layers);
            boolean all =
                    modules.stream().allMatch(module -> names.toOriginal(module).isPresent());
            return all ? Optional.of(modules) : Optional.empty();
        }));
    }

    private interface Reading {
        /** The layers in diffusers' names, where so many layers a level fit all of them. */
        Optional<? extends Collection<String>> with(int layersPerBlock);
    }

    /** The numbers of layers that fit, and whether an adapter of such a UNet would be whole. */
    private static Map<Integer, Boolean> fitting(Reading reading) {
        Map<Integer, Boolean> fitting = new TreeMap<>();
        for (int layers = 1; layers <= MOST_LAYERS; layers++) {
            int count = layers;
            reading.with(layers).ifPresent(modules -> fitting.put(count, isWhole(modules, count)));
        }
        return fitting;
    }

    private static Optional<OriginalUNetNames> best(Map<Integer, Boolean> fitting) {
        List<Integer> candidates = fitting.keySet().stream()
                .filter(layers -> !fitting.containsValue(true) || Boolean.TRUE.equals(fitting.get(layers)))
                .toList();
        if (candidates.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(uniform(candidates.contains(USUAL_LAYERS) ? USUAL_LAYERS : candidates.get(0)));
    }

    List<Integer> layersPerBlock() {
        return layersPerBlock;
    }

    /** Whether these names are those of the published models. */
    boolean isUsual() {
        return layersPerBlock.stream().allMatch(layers -> layers == USUAL_LAYERS);
    }

    /** Whether each level that has attentions has all, and as many levels have on the way down as on the way up. */
    private static boolean isWhole(Collection<String> modules, int layers) {
        Map<String, Set<String>> down = attentions("down_blocks", modules);
        Map<String, Set<String>> up = attentions("up_blocks", modules);
        return !down.isEmpty()
                && down.size() == up.size()
                && down.values().stream().allMatch(level -> level.size() == layers)
                && up.values().stream().allMatch(level -> level.size() == layers + 1);
    }

    private static Map<String, Set<String>> attentions(String side, Collection<String> modules) {
        Map<String, Set<String>> levels = new TreeMap<>();
        for (String module : modules) {
            String[] path = module.split("\\.", 5);
            if (path.length > 3 && path[0].equals(side) && path[2].equals("attentions")) {
                levels.computeIfAbsent(path[1], level -> new TreeSet<>()).add(path[3]);
            }
        }
        return levels;
    }

    /** {@code input_blocks.4.1.proj_in} to {@code down_blocks.1.attentions.0.proj_in}; empty for what is no layer of the UNet. */
    public Optional<String> toDiffusers(String original) {
        Optional<String> fixed = replaceStart(original, ENDS);
        if (fixed.isPresent()) {
            return fixed;
        }
        String[] path = original.split("\\.", 4); // input_blocks, 4, 1, proj_in.weight
        if (path[0].equals("middle_block")) {
            return replaceStart(original, MIDDLE).flatMap(OriginalUNetNames::resnetToDiffusers);
        }
        if (path.length < 4 || !isNumber(path[1]) || !isNumber(path[2])) {
            return Optional.empty();
        }
        int block = Integer.parseInt(path[1]);
        int part = Integer.parseInt(path[2]);
        return switch (path[0]) {
            case "input_blocks" -> inputToDiffusers(block - 1, part, path[3]);
            case "output_blocks" -> outputToDiffusers(block, part, path[3]);
            default -> Optional.empty();
        };
    }

    private Optional<String> inputToDiffusers(int block, int part, String rest) {
        int first = 0;
        for (int level = 0; level < layersPerBlock.size(); level++) {
            int layers = layersPerBlock.get(level);
            int layer = block - first;
            if (layer >= 0 && layer < layers) {
                return layerToDiffusers("down_blocks." + level, layer, part, rest);
            }
            if (layer == layers) {
                return part == 0 && isOrStarts(rest, "op")
                        ? Optional.of("down_blocks." + level + ".downsamplers.0.conv" + rest.substring(2))
                        : Optional.empty();
            }
            first += layers + 1;
        }
        return Optional.empty();
    }

    private Optional<String> outputToDiffusers(int block, int part, String rest) {
        int first = 0;
        for (int level = 0; level < layersPerBlock.size(); level++) {
            int layers = upLayers(level);
            int layer = block - first;
            if (layer >= 0 && layer < layers) {
                if (part > 0 && isOrStarts(rest, "conv")) {
                    return layer == layers - 1
                            ? Optional.of("up_blocks." + level + ".upsamplers.0." + rest)
                            : Optional.empty();
                }
                return layerToDiffusers("up_blocks." + level, layer, part, rest);
            }
            first += layers;
        }
        return Optional.empty();
    }

    private static Optional<String> layerToDiffusers(String block, int layer, int part, String rest) {
        return switch (part) {
            case 0 -> resnetToDiffusers(block + ".resnets." + layer + "." + rest);
            case 1 ->
                isOrStarts(rest, "op") ? Optional.empty() : Optional.of(block + ".attentions." + layer + "." + rest);
            default -> Optional.empty();
        };
    }

    /** {@code down_blocks.1.attentions.0.proj_in} to {@code input_blocks.4.1.proj_in}; empty for what is no layer of the UNet. */
    public Optional<String> toOriginal(String diffusers) {
        for (Map.Entry<String, String> end : ENDS.entrySet()) {
            if (isOrStarts(diffusers, end.getValue())) {
                return Optional.of(
                        end.getKey() + diffusers.substring(end.getValue().length()));
            }
        }
        for (Map.Entry<String, String> middle : MIDDLE.entrySet()) {
            if (isOrStarts(diffusers, middle.getValue())) {
                return resnetToOriginal(
                        middle.getKey() + diffusers.substring(middle.getValue().length()));
            }
        }
        String[] path = diffusers.split("\\.", 5); // down_blocks, 1, attentions, 0, proj_in.weight
        if (path.length < 5 || !isNumber(path[1]) || !isNumber(path[3])) {
            return Optional.empty();
        }
        int level = Integer.parseInt(path[1]);
        int layer = Integer.parseInt(path[3]);
        if (level >= layersPerBlock.size()) {
            return Optional.empty();
        }
        return switch (path[0]) {
            case "down_blocks" -> downToOriginal(level, path[2], layer, path[4]);
            case "up_blocks" -> upToOriginal(level, path[2], layer, path[4]);
            default -> Optional.empty();
        };
    }

    private Optional<String> downToOriginal(int level, String kind, int layer, String rest) {
        int first = 1; // conv_in is block 0
        for (int below = 0; below < level; below++) {
            first += layersPerBlock.get(below) + 1;
        }
        int layers = layersPerBlock.get(level);
        if (kind.equals("downsamplers")) {
            return layer == 0 && isOrStarts(rest, "conv")
                    ? Optional.of("input_blocks." + (first + layers) + ".0.op" + rest.substring(4))
                    : Optional.empty();
        }
        return layer < layers ? layerToOriginal("input_blocks." + (first + layer), kind, rest) : Optional.empty();
    }

    private Optional<String> upToOriginal(int level, String kind, int layer, String rest) {
        int first = 0;
        for (int below = 0; below < level; below++) {
            first += upLayers(below);
        }
        int layers = upLayers(level);
        if (kind.equals("upsamplers")) {
            int part = upAttention.get(level) ? 2 : 1;
            return layer == 0 && isOrStarts(rest, "conv")
                    ? Optional.of("output_blocks." + (first + layers - 1) + "." + part + "." + rest)
                    : Optional.empty();
        }
        return layer < layers ? layerToOriginal("output_blocks." + (first + layer), kind, rest) : Optional.empty();
    }

    private static Optional<String> layerToOriginal(String block, String kind, String rest) {
        return switch (kind) {
            case "resnets" -> resnetToOriginal(block + ".0." + rest);
            case "attentions" -> Optional.of(block + ".1." + rest);
            default -> Optional.empty();
        };
    }

    /** On the way up a level has one layer more. */
    private int upLayers(int level) {
        return layersPerBlock.get(layersPerBlock.size() - 1 - level) + 1;
    }

    private static Optional<String> resnetToDiffusers(String name) {
        if (!name.contains("resnets.")) {
            return Optional.of(name);
        }
        return replaceInner(name, RESNET);
    }

    private static Optional<String> resnetToOriginal(String name) {
        if (name.startsWith("middle_block.1.")) {
            return Optional.of(name);
        }
        Map<String, String> reversed = new TreeMap<>();
        RESNET.forEach((original, diffusers) -> reversed.put(diffusers, original));
        return replaceInner(name, reversed);
    }

    private static Optional<String> replaceInner(String name, Map<String, String> inner) {
        for (Map.Entry<String, String> replacement : inner.entrySet()) {
            int at = name.indexOf("." + replacement.getKey());
            if (at >= 0 && isOrStarts(name.substring(at + 1), replacement.getKey())) {
                return Optional.of(name.substring(0, at + 1)
                        + replacement.getValue()
                        + name.substring(at + 1 + replacement.getKey().length()));
            }
        }
        return Optional.empty();
    }

    private static Optional<String> replaceStart(String name, Map<String, String> starts) {
        return starts.entrySet().stream()
                .filter(start -> isOrStarts(name, start.getKey()))
                .map(start -> start.getValue() + name.substring(start.getKey().length()))
                .findFirst();
    }

    private static boolean isOrStarts(String name, String start) {
        return name.equals(start) || name.startsWith(start + ".");
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.length() < 5 && text.chars().allMatch(c -> c >= '0' && c <= '9');
    }
}
