package io.aquatint.diffusion.text;

import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;

/** CLIP's text encoder, as transformers' CLIPTextModel and CLIPTextModelWithProjection. */
public final class ClipTextModel {
    private final ClipTextConfig config;

    /**
     * @param lastHiddenState [batch, tokens, hiddenSize], after the final norm
     * @param penultimateHiddenState [batch, tokens, hiddenSize], what goes into the last layer, not normed
     * @param pooled [batch, hiddenSize], the normed state at the end token; projected where the config says so
     */
    public record Output(Value lastHiddenState, Value penultimateHiddenState, Value pooled) {}

    public ClipTextModel(ClipTextConfig config) {
        this.config = config;
    }

    /**
     * Writes the network into a graph.
     *
     * @param inputIds [batch, tokens], int64
     */
    public Output forward(Graph graph, Value inputIds) {
        Graph text = graph.scope("text_model");
        int size = config.hiddenSize();
        Value table = text.weight("embeddings.position_embedding.weight", config.maxPositions(), size);
        Value positions = text.firstRows(table, inputIds); // [tokens, c]
        Value tokens = text.embedding("embeddings.token_embedding", inputIds, config.vocabSize(), size);
        Value hidden = text.add(tokens, positions); // [b, tokens, c]
        Value penultimate = hidden;
        for (int layer = 0; layer < config.layers(); layer++) {
            penultimate = hidden;
            hidden = encoderLayer(text.scope("encoder.layers." + layer), hidden);
        }
        Value last = text.layerNorm("final_layer_norm", hidden, config.hiddenSize(), config.normEpsilon());
        Value end = config.eosTokenId() == 2 ? inputIds : graph.equalTo(inputIds, config.eosTokenId());
        Value pooled = graph.rowAt(last, graph.argmax(end)); // [b, c]
        if (config.projected()) {
            pooled = graph.linearWithoutBias("text_projection", pooled, size, config.projectionDim());
        }
        return new Output(last, penultimate, pooled);
    }

    private Value encoderLayer(Graph graph, Value hidden) {
        Value normed = graph.layerNorm("layer_norm1", hidden, config.hiddenSize(), config.normEpsilon());
        hidden = graph.add(hidden, selfAttention(graph.scope("self_attn"), normed));
        normed = graph.layerNorm("layer_norm2", hidden, config.hiddenSize(), config.normEpsilon());
        Value wide = graph.linear(
                "mlp.fc1", normed, config.hiddenSize(), config.intermediateSize()); // [b, tokens, intermediate]
        wide = config.activation().equals("gelu") ? graph.gelu(wide) : graph.quickGelu(wide);
        return graph.add(hidden, graph.linear("mlp.fc2", wide, config.intermediateSize(), config.hiddenSize()));
    }

    private Value selfAttention(Graph graph, Value hidden) {
        int size = config.hiddenSize();
        Value query =
                graph.splitHeads(graph.linear("q_proj", hidden, size, size), config.heads()); // [b, heads, tokens, d]
        Value key = graph.splitHeads(graph.linear("k_proj", hidden, size, size), config.heads());
        Value value = graph.splitHeads(graph.linear("v_proj", hidden, size, size), config.heads());
        return graph.linear("out_proj", graph.joinHeads(graph.attention(query, key, value, true)), size, size);
    }
}
