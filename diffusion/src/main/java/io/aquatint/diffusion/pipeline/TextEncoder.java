package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** A model's tokenizer and text encoder; SDXL has two of them. Their memory is the model's. */
public final class TextEncoder {
    private static final Set<String> UNUSED = Set.of("text_model.embeddings.position_ids");

    private final String component;
    private final ClipTextConfig config;
    private final ClipTokenizer tokenizer;
    private final CompiledGraph graph;
    private final Weights weights;

    private TextEncoder(
            String component, ClipTextConfig config, ClipTokenizer tokenizer, CompiledGraph graph, Weights weights) {
        this.component = component;
        this.config = config;
        this.tokenizer = tokenizer;
        this.graph = graph;
        this.weights = weights;
    }

    /**
     * Loads {@code text_encoder} and {@code tokenizer}, or both with a suffix.
     *
     * @param suffix empty, or {@code _2} for the second of SDXL
     * @param penultimate whether the context is the penultimate layer's, as in SDXL, or the last one's, normed
     */
    static TextEncoder load(
            NDManager manager, ModelSource source, String suffix, boolean penultimate, Precision precision) {
        String component = "text_encoder" + suffix;
        ClipTextConfig config = ClipTextConfig.from(source.config(component));
        CompiledGraph graph = CompiledGraph.compile(manager, graph(config, penultimate));
        ClipTokenizer tokenizer = ClipTokenizer.load(source.tokenizerFolder("tokenizer" + suffix));
        Weights weights = Weights.load(manager, source.weights(component), graph.weightShapes(), UNUSED, precision);
        return new TextEncoder(component, config, tokenizer, graph, weights);
    }

    private static Graph graph(ClipTextConfig config, boolean penultimate) {
        Graph graph = new Graph();
        ClipTextModel.Output output = new ClipTextModel(config).forward(graph, graph.input("input_ids"));
        Value state = penultimate ? output.penultimateHiddenState() : output.lastHiddenState();
        graph.returns(graph.toFloat32(state), graph.toFloat32(output.pooled()));
        return graph;
    }

    /** The folder in diffusers layout: {@code text_encoder} or {@code text_encoder_2}. */
    public String component() {
        return component;
    }

    public ClipTextConfig config() {
        return config;
    }

    public ClipTokenizer tokenizer() {
        return tokenizer;
    }

    /** The weights, which stay the model's. */
    public Weights weights() {
        return weights;
    }

    /** Other weights of the same network. */
    Weights load(NDManager owner, TensorSource source) {
        return Weights.load(owner, source, graph.weightShapes(), UNUSED, weights.precision());
    }

    /** The same network with other weights and another tokenizer, which stay the caller's. */
    TextEncoder with(Weights otherWeights, ClipTokenizer otherTokenizer) {
        return new TextEncoder(component, config, otherTokenizer, graph, otherWeights);
    }

    /**
     * Encodes prompts.
     *
     * @return [prompts, tokens, hiddenSize], and the pooled state, [prompts, hiddenSize or projectionDim]
     */
    PromptEmbedding encode(NDManager outputs, List<String> prompts) {
        long[] ids = prompts.stream()
                .flatMapToLong(prompt -> Arrays.stream(tokenizer.encode(prompt)))
                .toArray();
        try (NDArray input = outputs.create(ids, new Shape(prompts.size(), tokenizer.maxLength()))) {
            NDList results = graph.run(outputs, weights, input);
            return new PromptEmbedding(results.get(0), results.get(1));
        }
    }
}
