package io.aquatint.diffusion.checkpoint;

import java.util.Map;

/** Names of autoencoders' attention layers in files from before diffusers 0.18: all published ones. */
final class LegacyNames {
    private static final Map<String, String> CURRENT =
            Map.of("query", "to_q", "key", "to_k", "value", "to_v", "proj_attn", "to_out.0");

    private LegacyNames() {}

    /** The name of an autoencoder's weight as diffusers writes it today. */
    static String current(String name) {
        if (!name.contains("mid_block.attentions.")) {
            return name;
        }
        String[] parts = name.split("\\.");
        String layer = parts[parts.length - 2];
        return CURRENT.containsKey(layer) ? name.replace("." + layer + ".", "." + CURRENT.get(layer) + ".") : name;
    }
}
