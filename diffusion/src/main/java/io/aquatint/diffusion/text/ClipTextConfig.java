package io.aquatint.diffusion.text;

import io.aquatint.diffusion.checkpoint.ModelConfig;
import java.util.List;

/**
 * The architecture of a {@link ClipTextModel}, from its {@code config.json}.
 *
 * @param eosTokenId the token at which the pooled state is taken; 2 stands for the largest id, as old files have it
 * @param projected whether the pooled state goes through {@code text_projection} (SDXL's second encoder)
 */
public record ClipTextConfig(
        int vocabSize,
        int hiddenSize,
        int intermediateSize,
        int projectionDim,
        int layers,
        int heads,
        int maxPositions,
        double normEpsilon,
        String activation,
        int eosTokenId,
        boolean projected) {

    /** @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException for what is not implemented, by name */
    public static ClipTextConfig from(ModelConfig json) {
        String architecture =
                json.has("architectures") ? json.texts("architectures").get(0) : "CLIPTextModel";
        if (!architecture.equals("CLIPTextModel") && !architecture.equals("CLIPTextModelWithProjection")) {
            throw json.unsupported("architectures");
        }
        String activation = json.text("hidden_act", "quick_gelu");
        if (!activation.equals("quick_gelu") && !activation.equals("gelu")) {
            throw json.unsupported("hidden_act");
        }
        int size = json.integer("hidden_size");
        int heads = json.integer("num_attention_heads");
        json.checkDivides("num_attention_heads", heads, "hidden_size", List.of(size));
        return new ClipTextConfig(
                json.integer("vocab_size"),
                size,
                json.integer("intermediate_size", 2048),
                json.integer("projection_dim", 512),
                json.layers("num_hidden_layers", 12),
                heads,
                json.integer("max_position_embeddings", 77),
                json.number("layer_norm_eps", 1e-5),
                activation,
                json.integer("eos_token_id", 2),
                architecture.equals("CLIPTextModelWithProjection"));
    }
}
