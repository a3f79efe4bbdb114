package io.aquatint.diffusion.checkpoint;

import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of an autoencoder's tensors in the original layout and in diffusers'. The original counts the decoder's levels from
 * the widest picture on, diffusers from the latent on.
 */
final class OriginalVaeNames {
    private static final Pattern BLOCK = Pattern.compile("(encoder\\.down|decoder\\.up)\\.(\\d{1,2})\\.(.+)");
    private static final Pattern BLOCKS = Pattern.compile("(encoder\\.down|decoder\\.up)_blocks\\.(\\d{1,2})\\.(.+)");
    private static final Map<String, String> MIDDLE = Map.of(
            "mid.block_1.", "mid_block.resnets.0.",
            "mid.block_2.", "mid_block.resnets.1.",
            "mid.attn_1.norm.", "mid_block.attentions.0.group_norm.",
            "mid.attn_1.q.", "mid_block.attentions.0.to_q.",
            "mid.attn_1.k.", "mid_block.attentions.0.to_k.",
            "mid.attn_1.v.", "mid_block.attentions.0.to_v.",
            "mid.attn_1.proj_out.", "mid_block.attentions.0.to_out.0.",
            "norm_out.", "conv_norm_out.");
    private static final Map<String, String> IN_BLOCK = Map.of(
            "block.", "resnets.",
            "downsample.", "downsamplers.0.",
            "upsample.", "upsamplers.0.");

    private final int levels;

    private OriginalVaeNames(int levels) {
        this.levels = levels;
    }

    /** The names of the autoencoder that has these tensors, by their names in the original layout. */
    static OriginalVaeNames ofWholeNetwork(Collection<String> originals) {
        return new OriginalVaeNames(levels(originals, BLOCK));
    }

    /** The same, by their names in diffusers' layout. */
    static OriginalVaeNames ofDiffusers(Collection<String> names) {
        return new OriginalVaeNames(levels(names, BLOCKS));
    }

    private static int levels(Collection<String> names, Pattern block) {
        int levels = 1;
        for (String name : names) {
            Matcher matcher = block.matcher(name);
            if (matcher.matches()) {
                levels = Math.max(levels, Integer.parseInt(matcher.group(2)) + 1);
            }
        }
        return levels;
    }

    /** Empty for what is no tensor of an autoencoder. */
    Optional<String> toDiffusers(String original) {
        Matcher block = BLOCK.matcher(original);
        if (block.matches()) {
            return level(block).flatMap(level -> start(block.group(3), IN_BLOCK, false)
                    .map(inner -> block.group(1) + "_blocks." + level + "."
                            + inner.replace(".nin_shortcut.", ".conv_shortcut.")));
        }
        return outside(original, false);
    }

    /** Empty for what is no tensor of an autoencoder. */
    Optional<String> toOriginal(String diffusers) {
        Matcher block = BLOCKS.matcher(diffusers);
        if (block.matches()) {
            return level(block).flatMap(level -> start(block.group(3), IN_BLOCK, true)
                    .map(inner ->
                            block.group(1) + "." + level + "." + inner.replace(".conv_shortcut.", ".nin_shortcut.")));
        }
        return outside(diffusers, true);
    }

    private Optional<Integer> level(Matcher block) {
        int level = Integer.parseInt(block.group(2));
        if (level >= levels) {
            return Optional.empty();
        }
        return Optional.of(block.group(1).equals("decoder.up") ? levels - 1 - level : level);
    }

    private static Optional<String> outside(String name, boolean toOriginal) {
        for (String half : new String[] {"encoder.", "decoder."}) {
            if (name.startsWith(half)) {
                String rest = name.substring(half.length());
                return rest.startsWith("conv_in.") || rest.startsWith("conv_out.")
                        ? Optional.of(name)
                        : start(rest, MIDDLE, toOriginal).map(half::concat);
            }
        }
        return name.startsWith("quant_conv.") || name.startsWith("post_quant_conv.")
                ? Optional.of(name)
                : Optional.empty();
    }

    private static Optional<String> start(String name, Map<String, String> starts, boolean reversed) {
        for (Map.Entry<String, String> entry : starts.entrySet()) {
            String from = reversed ? entry.getValue() : entry.getKey();
            if (name.startsWith(from)) {
                return Optional.of((reversed ? entry.getKey() : entry.getValue()) + name.substring(from.length()));
            }
        }
        return Optional.empty();
    }
}
