package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WeightCheckTest {
    private static final String CONVOLUTION = "down_blocks.0.resnets.0.conv1.weight";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder = Path.of("");

    private Path model = Path.of("");
    private Path unet = Path.of("");

    @BeforeEach
    void copy() throws IOException {
        model = folder.resolve("model");
        try (var files = Files.walk(Golden.path("sd15/model"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target =
                        model.resolve(Golden.path("sd15/model").relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
        unet = model.resolve("unet/diffusion_pytorch_model.safetensors");
    }

    @Test
    void wholeModelsOfEveryArchitecturePass() throws IOException {
        for (Path whole : List.of(
                model,
                TinyModels.stableDiffusion2(folder.resolve("sd2")),
                TinyModels.stableDiffusionXl(folder.resolve("sdxl")))) {
            assertThatCode(() -> WeightCheck.verify(ModelSource.open(whole))).doesNotThrowAnyException();
        }
    }

    @Test
    void allThatIsWrongIsNamedAtOnce() {
        Map<String, TensorData> tensors = tensors();
        tensors.remove("conv_out.bias");
        tensors.put("surprise", TensorData.of(new float[1], 1));
        tensors.put(CONVOLUTION, TensorData.of(new float[6], 2, 3));
        tensors.put("conv_in.bias", integers(32));
        SafetensorsWriter.write(unet, tensors, Map.of());

        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> WeightCheck.verify(ModelSource.open(model)))
                .withMessageContaining(unet.toString())
                .withMessageContaining("it lacks conv_out.bias")
                .withMessageContaining("does not explain: surprise")
                .withMessageContaining(CONVOLUTION + " is [2, 3], not [32, 32, 3, 3]")
                .withMessageContaining("conv_in.bias is I64");
    }

    @Test
    void aConfigThatContradictsItsWeightsIsNamedWithBoth() throws IOException {
        Path config = model.resolve("unet/config.json");
        TinyModels.edit(config, json -> json.put("cross_attention_dim", 768));
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> WeightCheck.verify(ModelSource.open(model)))
                .withMessageContaining(config + ": cross_attention_dim is 768, but 32 by the weights")
                .withMessageContaining("attn2.to_k.weight is [");
    }

    /** Deterministic, so that a failure is the same each time. */
    @RepeatedTest(40)
    void aTensorThatIsGoneOrOfAnotherShapeOrTypeIsNamed(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        Map<String, TensorData> tensors = tensors();
        List<String> names = new ArrayList<>(tensors.keySet());
        String name = names.get(random.nextInt(names.size()));
        switch (random.nextInt(3)) {
            case 0 -> tensors.remove(name);
            case 1 -> tensors.put(name, TensorData.of(new float[0], random.nextInt(3), 0));
            default -> tensors.put(name, integers(random.nextInt(4)));
        }
        SafetensorsWriter.write(unet, tensors, Map.of());
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> WeightCheck.verify(ModelSource.open(model)))
                .withMessageContaining(unet.toString())
                .withMessageContaining(name);
    }

    @ParameterizedTest
    @CsvSource({
        "unet, layers_per_block, 2000000000",
        "unet, layers_per_block, -1",
        "unet, transformer_layers_per_block, 2000000000",
        "vae, layers_per_block, 2000000000",
        "text_encoder, num_hidden_layers, 2000000000",
        "text_encoder, num_hidden_layers, 99999999999999999999"
    })
    void aConfigOfMoreLayersThanAnyModelHasIsRefusedBeforeTheyAreMade(String component, String key, BigInteger layers)
            throws IOException {
        Path config = model.resolve(component).resolve("config.json");
        TinyModels.edit(config, json -> json.put(key, layers));
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() -> WeightCheck.verify(ModelSource.open(model)))
                .withMessageContaining(config.toString())
                .withMessageContaining(key + " is " + layers);
    }

    /** Nothing but a clear refusal, or a model that is whole in spite of it, whatever a config says. */
    @RepeatedTest(80)
    void aConfigOfAnythingIsRefusedOrHarmless(RepetitionInfo repetition) throws IOException {
        Random random = new Random(repetition.getCurrentRepetition());
        String component = List.of("unet", "vae", "text_encoder").get(random.nextInt(3));
        Path config = model.resolve(component).resolve("config.json");
        ObjectNode json = (ObjectNode) JSON.readTree(config.toFile());
        List<String> keys = new ArrayList<>();
        json.fieldNames().forEachRemaining(keys::add);
        String key = keys.get(random.nextInt(keys.size()));
        json.set(key, anything(random));
        Files.writeString(config, json.toString());
        try {
            WeightCheck.verify(ModelSource.open(model));
        } catch (CheckpointException | UnsupportedModelException e) {
            assertThat(e).as(key + " = " + json.get(key)).hasMessageContaining(model.toString());
        }
    }

    private static JsonNode anything(Random random) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        return switch (random.nextInt(8)) {
            case 0 -> json.numberNode(random.nextInt());
            case 1 -> json.numberNode(random.nextInt(5) - 1);
            case 2 -> json.numberNode(random.nextGaussian() * 1e6);
            case 3 -> json.textNode("x");
            case 4 -> json.arrayNode().add(random.nextInt()).add(1).add(2).add(3);
            case 5 -> json.arrayNode().add(32).add(0).add(64).add("a");
            case 6 -> json.numberNode(new BigInteger(80, random));
            default -> json.objectNode().put("a", 1);
        };
    }

    private Map<String, TensorData> tensors() {
        SafetensorsFile file = SafetensorsFile.open(unet);
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (String name : file.names()) {
            TensorData tensor = file.read(name);
            ByteBuffer bytes = ByteBuffer.allocate(tensor.bytes().remaining());
            tensors.put(
                    name,
                    new TensorData(
                            tensor.info(), bytes.put(tensor.bytes().duplicate()).flip()));
        }
        return tensors;
    }

    private static TensorData integers(int count) {
        return new TensorData(TensorInfo.of(DType.I64, count), ByteBuffer.allocate(8 * count));
    }
}
