package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.LoraWriter;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** A small base model, adapters for it, and what the commands say. */
abstract class LocalFilesFixture {
    static final String Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    static final String TEXT = "text_model.encoder.layers.1.self_attn.q_proj";

    @TempDir
    private static Path models = Path.of("");

    static Path base = Path.of("");

    @TempDir
    Path folder = Path.of("");

    String said = "";
    String complained = "";

    @BeforeAll
    static void makeBase() {
        base = models.resolve("base");
        BaseModelInitializer.create(base, 1);
    }

    int run(Object... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = Aquatint.execute(
                new PrintWriter(out, true),
                new PrintWriter(err, true),
                Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
        said = out.toString();
        complained = err.toString();
        return code;
    }

    void succeeds(Object... arguments) {
        assertThat(run(arguments)).as(complained).isZero();
        assertThat(complained).isEmpty();
    }

    void assertOneLine(String... parts) {
        assertThat(complained).startsWith("aquatint: ").contains(parts).doesNotContain("Exception", "\tat ", "\u001b");
        assertThat(complained.strip().lines()).hasSize(1);
    }

    Path tensors(String name, Map<String, TensorData> tensors) {
        Path file = folder.resolve(name + ".safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());
        return file;
    }

    static TensorData floats(int count) {
        return TensorData.of(new float[count], count);
    }

    static TensorData integers() {
        return new TensorData(TensorInfo.of(DType.I32, 1, 1), ByteBuffer.allocate(4));
    }

    Path kohya(String name, List<LoraWeights> adapters) {
        Path file = folder.resolve(name);
        KohyaMetadata metadata =
                KohyaMetadata.builder(Architecture.STABLE_DIFFUSION_1).build();
        new LoraWriter(adapters).kohya(file, metadata);
        return file;
    }

    /** Of one layer of the base's UNet and one of its text encoder. */
    static List<LoraWeights> adapters(int rank, long seed) {
        Random random = new Random(seed);
        List<LoraWeights> adapters = new ArrayList<>();
        new TreeMap<>(Map.of(Component.UNET, Q, Component.TEXT_ENCODER, TEXT)).forEach((component, module) -> {
            long[] shape = ModelSource.open(base)
                    .weights(component.folder())
                    .info(module + ".weight")
                    .dimensions();
            float[] down = values(rank * (int) shape[1], random);
            float[] up = values(rank * (int) shape[0], random);
            adapters.add(LoraWeights.of(
                    component, Map.of(module, LoraPair.linear(rank, (int) shape[1], (int) shape[0], down, up, 2))));
        });
        return adapters;
    }

    static float[] values(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.3 * random.nextGaussian());
        }
        return values;
    }
}
