package io.aquatint.diffusion.graph;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Has a processor do what is written for a GPU: the networks give what diffusers says either way. */
class RoutineTest {
    private static final String IS_GPU = "ops.prim.is_cuda(x)";

    @Test
    void theUnetAsAGpuComputesItIsAsDiffusersSays() {
        ModelSource source = ModelSource.open(Golden.path("sd15/model"));
        UNet2DConditionConfig config = UNet2DConditionConfig.from(source.config("unet"));
        Graph graph = new Graph();
        Value sample = graph.input("sample");
        Value timestep = graph.input("timestep");
        Value context = graph.input("context");
        graph.returns(new UNet2DConditionModel(config).forward(graph, sample, timestep, context, null, null));
        assertAsDiffusers(graph, source, "unet", "sd15/cases/unet.safetensors", "output", Routine.values());
    }

    @Test
    void picturesAsAGpuDecodesThemAreAsDiffusersSays() {
        ModelSource source = ModelSource.open(Golden.path("sd15/model"));
        AutoencoderKl vae = new AutoencoderKl(AutoencoderKlConfig.from(source.config("vae")));
        Graph graph = new Graph();
        graph.returns(vae.decode(graph, graph.input("latent")));
        assertAsDiffusers(
                graph, source, "vae", "sd15/cases/vae.safetensors", "decoded", Routine.GROUP_NORM, Routine.POINTWISE);
    }

    private static void assertAsDiffusers(
            Graph graph, ModelSource model, String component, String path, String output, Routine... used) {
        String source = graph.source();
        assertThat(Arrays.asList(used)).allSatisfy(routine -> assertThat(source).contains(routine.call() + "("));
        SafetensorsFile file = SafetensorsFile.open(Golden.path(path));
        try (NDManager scope = NDManager.newBaseManager("PyTorch");
                CompiledGraph compiled = CompiledGraph.compile(scope, graph, source.replace(IS_GPU, "True"));
                Weights weights = Weights.load(
                        scope,
                        model.weights(component),
                        compiled.weightNames(),
                        Set.copyOf(model.weights(component).names()))) {
            NDArray[] inputs = graph.inputNames().stream()
                    .map(name -> Weights.toDevice(scope, file.read(name)))
                    .toArray(NDArray[]::new);
            NDList outputs = compiled.run(scope, weights, inputs);
            float[] expected = file.read(output).toFloats();
            assertThat(Golden.relativeError(outputs.get(0), expected)).isLessThan(1e-4);
        }
    }
}
