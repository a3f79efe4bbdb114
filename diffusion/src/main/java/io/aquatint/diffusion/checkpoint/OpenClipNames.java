package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.ConvertedTensors.Form;
import io.aquatint.diffusion.checkpoint.ConvertedTensors.Part;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of a text encoder's tensors in OpenCLIP's layout (Stable Diffusion 2.x, SDXL's second encoder) and in transformers'.
 * OpenCLIP keeps query, key and value in one matrix, and the projection so that it is multiplied from the right.
 */
final class OpenClipNames {
    private static final Pattern LAYER = Pattern.compile("transformer\\.resblocks\\.(\\d{1,3})\\.(.+)");
    private static final Pattern TRANSFORMERS_LAYER =
            Pattern.compile("text_model\\.encoder\\.layers\\.(\\d{1,3})\\.(.+)\\.(weight|bias)");
    private static final Map<String, String> OUTSIDE = Map.of(
            "token_embedding.weight", "text_model.embeddings.token_embedding.weight",
            "positional_embedding", "text_model.embeddings.position_embedding.weight",
            "ln_final.weight", "text_model.final_layer_norm.weight",
            "ln_final.bias", "text_model.final_layer_norm.bias",
            "text_projection", "text_projection.weight");
    private static final Map<String, String> IN_LAYER = Map.of(
            "ln_1", "layer_norm1",
            "ln_2", "layer_norm2",
            "mlp.c_fc", "mlp.fc1",
            "mlp.c_proj", "mlp.fc2",
            "attn.out_proj", "self_attn.out_proj");
    private static final Map<String, Form> FUSED = Map.of(
            "self_attn.q_proj", Form.FIRST_THIRD,
            "self_attn.k_proj", Form.SECOND_THIRD,
            "self_attn.v_proj", Form.LAST_THIRD);

    private OpenClipNames() {}

    /** The tensors that are made of one, by transformers' names; none for what is no tensor of a text encoder. */
    static Map<String, Part> toTransformers(String original) {
        Map<String, Part> parts = new LinkedHashMap<>();
        Matcher layer = LAYER.matcher(original);
        if (!layer.matches()) {
            if (OUTSIDE.containsKey(original)) {
                Form form = original.equals("text_projection") ? Form.TRANSPOSED : Form.SAME;
                parts.put(OUTSIDE.get(original), new Part(original, form));
            }
            return parts;
        }
        String start = "text_model.encoder.layers." + layer.group(1) + ".";
        String inner = layer.group(2);
        if (inner.equals("attn.in_proj_weight") || inner.equals("attn.in_proj_bias")) {
            String end = inner.substring("attn.in_proj_".length());
            FUSED.forEach((name, form) -> parts.put(start + name + "." + end, new Part(original, form)));
            return parts;
        }
        IN_LAYER.forEach((from, to) -> {
            if (inner.equals(from + ".weight") || inner.equals(from + ".bias")) {
                parts.put(start + to + inner.substring(from.length()), new Part(original, Form.SAME));
            }
        });
        return parts;
    }

    /** What OpenCLIP calls a tensor of transformers; the same name where it has none. */
    static String toOriginal(String name) {
        Matcher layer = TRANSFORMERS_LAYER.matcher(name);
        if (!layer.matches()) {
            return OUTSIDE.entrySet().stream()
                    .filter(entry -> entry.getValue().equals(name))
                    .map(Map.Entry::getKey)
                    .findFirst()
                    .orElse(name);
        }
        String start = "transformer.resblocks." + layer.group(1) + ".";
        if (FUSED.containsKey(layer.group(2))) {
            return start + "attn.in_proj_" + layer.group(3);
        }
        return IN_LAYER.entrySet().stream()
                .filter(entry -> entry.getValue().equals(layer.group(2)))
                .map(entry -> start + entry.getKey() + "." + layer.group(3))
                .findFirst()
                .orElse(name);
    }

    /** How many layers there are, by the highest number. */
    static int layers(Iterable<String> originals) {
        int layers = 0;
        for (String name : originals) {
            Matcher layer = LAYER.matcher(name);
            if (layer.matches()) {
                layers = Math.max(layers, Integer.parseInt(layer.group(1)) + 1);
            }
        }
        return layers;
    }

    static boolean isInLayer(String original, int number) {
        Matcher layer = LAYER.matcher(original);
        return layer.matches() && Integer.parseInt(layer.group(1)) == number;
    }
}
