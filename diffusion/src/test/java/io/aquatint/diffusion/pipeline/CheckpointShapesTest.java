package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointShapesTest {
    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @CsvSource({
        "unet/diffusion_pytorch_model, conv_in.bias, mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight",
        "vae/diffusion_pytorch_model, decoder.conv_in.bias, encoder.conv_out.weight",
        "text_encoder/model, text_model.final_layer_norm.bias, text_model.encoder.layers.0.mlp.fc1.weight",
    })
    void aMissingAnExtraAndAMisshapenTensorAreAllNamedAtOnce(String file, String missing, String misshapen)
            throws IOException {
        copyModel();
        Path weights = folder.resolve(file + ".safetensors");
        SafetensorsFile original = SafetensorsFile.open(weights);
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        original.names().forEach(name -> tensors.put(name, original.read(name)));
        tensors.remove(missing);
        tensors.put(misshapen, TensorData.of(new float[6], 2, 3));
        tensors.put("additional.weight", TensorData.of(new float[6], 2, 3));
        Path damaged = folder.resolve("damaged.safetensors");
        SafetensorsWriter.write(damaged, tensors, Map.of());
        Files.delete(weights);
        Files.move(damaged, weights);

        assertThatThrownBy(() -> StableDiffusion.load(folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(weights.toString())
                .hasMessageContaining("it lacks " + missing)
                .hasMessageContaining("does not explain: additional.weight")
                .hasMessageContaining(misshapen + " is [2, 3], not "
                        + original.info(misshapen).shape());
    }

    private void copyModel() throws IOException {
        Path model = Golden.path("sd15/model");
        try (Stream<Path> files = Files.walk(model)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = folder.resolve(model.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }
}
