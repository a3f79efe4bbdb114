package io.aquatint.diffusion.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The forward pass of each network. */
final class ModelCases {
    private ModelCases() {}

    static void textEncoder(ModelSource model, GoldenCase golden) {
        Graph graph = new Graph();
        ClipTextConfig config = ClipTextConfig.from(model.config("text_encoder"));
        ClipTextModel.Output outputs = new ClipTextModel(config).forward(graph, graph.input("input_ids"));
        graph.returns(outputs.lastHiddenState(), outputs.penultimateHiddenState(), outputs.pooled());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            CompiledGraph compiled = CompiledGraph.compile(manager, graph);
            Weights weights = Weights.load(
                    manager,
                    model.weights("text_encoder"),
                    compiled.weightNames(),
                    Set.of("text_model.embeddings.position_ids"));
            NDList results = compiled.run(manager, weights, golden.array(manager, "input_ids"));
            golden.compare("last_hidden_state", results.get(0));
            golden.compare("penultimate_hidden_state", results.get(1));
            golden.compare("pooled", results.get(2));
        }
    }

    static void vae(ModelSource model, GoldenCase golden) {
        AutoencoderKl vae = new AutoencoderKl(AutoencoderKlConfig.from(model.config("vae")));
        Graph encoder = new Graph();
        AutoencoderKl.Moments moments = vae.encode(encoder, encoder.input("image"));
        encoder.returns(moments.mean(), moments.logvar());
        Graph decoder = new Graph();
        decoder.returns(vae.decode(decoder, decoder.input("latent")));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            CompiledGraph encode = CompiledGraph.compile(manager, encoder);
            CompiledGraph decode = CompiledGraph.compile(manager, decoder);
            Set<String> names = new LinkedHashSet<>(encode.weightNames());
            names.addAll(decode.weightNames());
            TensorSource source = model.weights("vae");
            Weights weights = Weights.load(manager, source, names, Set.of());
            NDList encoded = encode.run(manager, weights, golden.array(manager, "image"));
            golden.compare("mean", encoded.get(0));
            golden.compare("logvar", encoded.get(1));
            NDList decoded = decode.run(manager, weights, golden.array(manager, "latent"));
            golden.compare("decoded", decoded.get(0));
        }
    }

    static void unet(ModelSource model, GoldenCase golden) {
        UNet2DConditionConfig config = UNet2DConditionConfig.from(model.config("unet"));
        Graph graph = new Graph();
        Value sample = graph.input("sample");
        Value timestep = graph.input("timestep");
        Value context = graph.input("context");
        @Nullable Value textEmbeds = config.takesTextAndTime() ? graph.input("text_embeds") : null;
        @Nullable Value timeIds = config.takesTextAndTime() ? graph.input("time_ids") : null;
        graph.returns(new UNet2DConditionModel(config).forward(graph, sample, timestep, context, textEmbeds, timeIds));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            CompiledGraph compiled = CompiledGraph.compile(manager, graph);
            Weights weights = Weights.load(manager, model.weights("unet"), compiled.weightNames(), Set.of());
            NDArray[] inputs = graph.inputNames().stream()
                    .map(name -> golden.array(manager, name))
                    .toArray(NDArray[]::new);
            golden.compare("output", compiled.run(manager, weights, inputs).get(0));
        }
    }
}
