package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What the names and shapes of a component's tensors say of its {@code config.json}: each key whose value they determine. What
 * cannot be seen (head counts, activations, groups, scaling) is not there; neither is what hangs on a tensor that is missing.
 */
final class ShapeFacts {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /** What diffusers and transformers take where a config lacks the key. */
    private static final Map<String, Map<String, JsonNode>> DEFAULTS = Map.of(
            "unet",
                    Map.of(
                            "in_channels", JSON.numberNode(4),
                            "out_channels", JSON.numberNode(4),
                            "layers_per_block", JSON.numberNode(2),
                            "transformer_layers_per_block", JSON.numberNode(1),
                            "cross_attention_dim", JSON.numberNode(1280),
                            "use_linear_projection", JSON.booleanNode(false),
                            "mid_block_type", JSON.textNode("UNetMidBlock2DCrossAttn")),
            "vae",
                    Map.of(
                            "in_channels", JSON.numberNode(3),
                            "out_channels", JSON.numberNode(3),
                            "latent_channels", JSON.numberNode(4),
                            "layers_per_block", JSON.numberNode(1),
                            "mid_block_add_attention", JSON.booleanNode(true),
                            "use_quant_conv", JSON.booleanNode(true),
                            "use_post_quant_conv", JSON.booleanNode(true)),
            "text_encoder",
                    Map.of(
                            "vocab_size", JSON.numberNode(49408),
                            "hidden_size", JSON.numberNode(512),
                            "intermediate_size", JSON.numberNode(2048),
                            "num_hidden_layers", JSON.numberNode(12),
                            "max_position_embeddings", JSON.numberNode(77),
                            "projection_dim", JSON.numberNode(512)));

    private final TensorSource weights;
    private final NavigableSet<String> names;
    private final Map<String, Fact> facts = new LinkedHashMap<>();

    /**
     * One value, and the tensor that shows it.
     *
     * @param value as it stands in a config; null elements of a list are not determined
     */
    record Fact(JsonNode value, String witness) {}

    private ShapeFacts(TensorSource weights) {
        this.weights = weights;
        this.names = new TreeSet<>(weights.names());
    }

    /** @param component by its folder, for example {@code unet} */
    static Map<String, Fact> of(String component, TensorSource weights) {
        ShapeFacts facts = new ShapeFacts(weights);
        switch (component) {
            case "unet" -> facts.unet();
            case "vae" -> facts.vae();
            case "text_encoder", "text_encoder_2" -> facts.text();
            default -> {}
        }
        return facts.facts;
    }

    /** Where a config says otherwise than the weights: a sentence a key. */
    static List<String> contradictions(String component, ModelConfig config, TensorSource weights) {
        Map<String, JsonNode> defaults =
                DEFAULTS.getOrDefault(component.startsWith("text_encoder") ? "text_encoder" : component, Map.of());
        List<String> contradictions = new ArrayList<>();
        of(component, weights).forEach((key, fact) -> {
            JsonNode stated = config.has(key) ? config.value(key) : defaults.getOrDefault(key, JSON.nullNode());
            if (!agree(stated, fact.value())) {
                contradictions.add("%s: %s is %s, but %s by the weights (%s)"
                        .formatted(config.path(), key, stated, fact.value(), fact.witness()));
            }
        });
        return contradictions;
    }

    private static boolean agree(JsonNode stated, JsonNode seen) {
        if (seen.isNumber() && stated.isNumber()) {
            return seen.asDouble() == stated.asDouble();
        }
        if (!seen.isArray()) {
            return seen.equals(stated);
        }
        if (stated.isArray() && stated.size() != seen.size()) {
            return false;
        }
        for (int i = 0; i < seen.size(); i++) {
            JsonNode one = stated.isArray() ? stated.get(i) : stated;
            if (!seen.get(i).isNull() && !agree(one, seen.get(i))) {
                return false;
            }
        }
        return true;
    }

    private void unet() {
        int levels = count("down_blocks.");
        size("in_channels", "conv_in.weight", 1);
        size("out_channels", "conv_out.weight", 0);
        ArrayNode channels = JSON.arrayNode();
        ArrayNode layers = JSON.arrayNode();
        ArrayNode depths = JSON.arrayNode();
        ArrayNode down = JSON.arrayNode();
        for (int level = 0; level < levels; level++) {
            String block = "down_blocks." + level + ".";
            add(channels, dimension(block + "resnets.0.conv2.weight", 0));
            layers.add(count(block + "resnets."));
            boolean attention = startsAny(block + "attentions.");
            down.add(attention ? "CrossAttnDownBlock2D" : "DownBlock2D");
            String last = level == levels - 1 ? "mid_block." : "";
            add(depths, depth(attention ? block : last));
        }
        put("block_out_channels", channels, "down_blocks.*.resnets.0.conv2.weight");
        put("layers_per_block", layers, "down_blocks.*.resnets.*");
        put("transformer_layers_per_block", depths, "down_blocks.*.attentions.0.transformer_blocks.*");
        put("down_block_types", down, "down_blocks.*.attentions.*");
        ArrayNode up = JSON.arrayNode();
        for (int level = 0; level < count("up_blocks."); level++) {
            up.add(startsAny("up_blocks." + level + ".attentions.") ? "CrossAttnUpBlock2D" : "UpBlock2D");
        }
        put("up_block_types", up, "up_blocks.*.attentions.*");
        String middle = startsAny("mid_block.attentions.") ? "UNetMidBlock2DCrossAttn" : "UNetMidBlock2D";
        facts.put("mid_block_type", new Fact(JSON.textNode(middle), "mid_block.attentions.*"));
        String prompt = first("transformer_blocks.0.attn2.to_k.weight");
        if (prompt != null) {
            size("cross_attention_dim", prompt, 1);
        }
        String projection = first(".proj_in.weight");
        if (projection != null) {
            boolean linear = weights.info(projection).shape().size() == 2;
            facts.put("use_linear_projection", new Fact(JSON.booleanNode(linear), witness(projection)));
        }
        boolean textAndTime = startsAny("add_embedding.");
        facts.put(
                "addition_embed_type",
                new Fact(textAndTime ? JSON.textNode("text_time") : JSON.nullNode(), "add_embedding.*"));
        size("projection_class_embeddings_input_dim", "add_embedding.linear_1.weight", 1);
    }

    private void vae() {
        size("in_channels", "encoder.conv_in.weight", 1);
        size("out_channels", "decoder.conv_out.weight", 0);
        size("latent_channels", "decoder.conv_in.weight", 1);
        ArrayNode channels = JSON.arrayNode();
        for (int level = 0; level < count("encoder.down_blocks."); level++) {
            add(channels, dimension("encoder.down_blocks." + level + ".resnets.0.conv2.weight", 0));
        }
        put("block_out_channels", channels, "encoder.down_blocks.*.resnets.0.conv2.weight");
        facts.put(
                "layers_per_block",
                new Fact(JSON.numberNode(count("encoder.down_blocks.0.resnets.")), "encoder.down_blocks.0.resnets.*"));
        flag("mid_block_add_attention", "encoder.mid_block.attentions.");
        flag("use_quant_conv", "quant_conv.");
        flag("use_post_quant_conv", "post_quant_conv.");
    }

    private void text() {
        size("vocab_size", "text_model.embeddings.token_embedding.weight", 0);
        size("hidden_size", "text_model.embeddings.token_embedding.weight", 1);
        size("max_position_embeddings", "text_model.embeddings.position_embedding.weight", 0);
        size("intermediate_size", "text_model.encoder.layers.0.mlp.fc1.weight", 0);
        facts.put(
                "num_hidden_layers",
                new Fact(JSON.numberNode(count("text_model.encoder.layers.")), "text_model.encoder.layers.*"));
        size("projection_dim", "text_projection.weight", 0);
    }

    private @Nullable Long depth(String block) {
        int depth = block.isEmpty() ? 0 : count(block + "attentions.0.transformer_blocks.");
        return depth == 0 ? null : (long) depth;
    }

    private void size(String key, String tensor, int dimension) {
        Long size = dimension(tensor, dimension);
        if (size != null) {
            facts.put(key, new Fact(JSON.numberNode(size), witness(tensor)));
        }
    }

    private void flag(String key, String start) {
        facts.put(key, new Fact(JSON.booleanNode(startsAny(start)), start + "*"));
    }

    private void put(String key, ArrayNode values, String witness) {
        if (!values.isEmpty()) {
            facts.put(key, new Fact(values, witness));
        }
    }

    private static void add(ArrayNode values, @Nullable Long value) {
        values.add(value == null ? JSON.nullNode() : JSON.numberNode(value));
    }

    private @Nullable Long dimension(String tensor, int dimension) {
        if (!names.contains(tensor)) {
            return null;
        }
        List<Long> shape = weights.info(tensor).shape();
        return shape.size() > dimension ? shape.get(dimension) : null;
    }

    private String witness(String tensor) {
        return weights.nameInFile(tensor) + " is " + weights.info(tensor).shape();
    }

    private @Nullable String first(String end) {
        return names.stream().filter(name -> name.endsWith(end)).findFirst().orElse(null);
    }

    /** How many of {@code start0.}, {@code start1.}, ... there are. */
    private int count(String start) {
        int count = 0;
        while (startsAny(start + count + ".")) {
            count++;
        }
        return count;
    }

    private boolean startsAny(String start) {
        String next = names.ceiling(start);
        return next != null && next.startsWith(start);
    }
}
