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
import java.util.Map;
import java.util.Set;

/** A model's tokenizer and text encoder; SDXL has two of them. Their memory is the model's. */
public final class TextEncoder {
    static final Set<String> UNUSED = Set.of("text_model.embeddings.position_ids");

    private final String component;
    private final ClipTextConfig config;
    private final boolean penultimate;
    private final ClipTokenizer tokenizer;
    private final CompiledGraph graph;
    private final ResidentWeights weights;

    private TextEncoder(
            String component,
            ClipTextConfig config,
            boolean penultimate,
            ClipTokenizer tokenizer,
            CompiledGraph graph,
            ResidentWeights weights) {
        this.component = component;
        this.config = config;
        this.penultimate = penultimate;
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
        ResidentWeights weights = new ResidentWeights(
                () -> Weights.load(manager, source.weights(component), graph.weightShapes(), UNUSED, precision));
        return new TextEncoder(component, config, penultimate, tokenizer, graph, weights);
    }

    /**
     * @param context what the UNet takes, [prompts, tokens, hiddenSize]
     * @param pooled [prompts, hiddenSize or projectionDim]
     */
    public record Output(Value context, Value pooled) {}

    /**
     * Writes the network into a graph, to be trained with others.
     *
     * @param inputIds [prompts, tokens], int64
     */
    public Output forward(Graph graph, Value inputIds) {
        return forward(graph, config, penultimate, inputIds);
    }

    private static Output forward(Graph graph, ClipTextConfig config, boolean penultimate, Value inputIds) {
        ClipTextModel.Output output = new ClipTextModel(config).forward(graph, inputIds);
        return new Output(penultimate ? output.penultimateHiddenState() : output.lastHiddenState(), output.pooled());
    }

    static Graph graph(ClipTextConfig config, boolean penultimate) {
        Graph graph = new Graph();
        Output output = forward(graph, config, penultimate, graph.input("input_ids"));
        graph.returns(graph.toFloat32(output.context()), graph.toFloat32(output.pooled()));
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
        return weights.get();
    }

    /** Frees the weights until they are next asked for. */
    void letGo() {
        weights.letGo();
    }

    /** The weights that the network has, and their shapes. */
    public Map<String, List<Long>> weightShapes() {
        return graph.weightShapes();
    }

    /** Other weights of the same network. */
    Weights load(NDManager owner, TensorSource source) {
        return Weights.load(
                owner, source, graph.weightShapes(), UNUSED, weights().precision());
    }

    /** The same network with other weights and another tokenizer, which stay the caller's. */
    TextEncoder with(Weights otherWeights, ClipTokenizer otherTokenizer) {
        return new TextEncoder(
                component, config, penultimate, otherTokenizer, graph, new ResidentWeights(() -> otherWeights));
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
            NDList results = graph.run(outputs, weights(), input);
            return new PromptEmbedding(results.get(0), results.get(1));
        }
    }
}
