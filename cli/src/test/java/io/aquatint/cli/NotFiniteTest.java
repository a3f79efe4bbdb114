package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.ModelWriter;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.pipeline.Picture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Base models whose weights hold what is no number. */
class NotFiniteTest extends LocalFilesFixture {
    @ParameterizedTest
    @CsvSource({
        "unet, conv_in.bias, NaN",
        "unet, conv_out.weight, Infinity",
        "vae, decoder.conv_out.bias, -Infinity",
        "text_encoder, text_model.final_layer_norm.weight, NaN"
    })
    void insteadOfABlackPictureThereIsAnErrorThatNamesTheModel(String component, String tensor, float value) {
        Path broken = broken(component, tensor, value);
        Path out = folder.resolve("a.png");
        int code = run(
                "generate",
                "--base",
                broken,
                "--prompt",
                "a cat",
                "--seed",
                7,
                "--steps",
                1,
                "--width",
                64,
                "--height",
                64,
                "-o",
                out);

        assertThat(code).isEqualTo(1);
        assertThat(complained)
                .startsWith("aquatint: " + broken + ": the picture of seed 7 came out as NaN or infinity; ");
        assertOneLine("get the files again");
        assertThat(out).doesNotExist();
    }

    @Test
    void aTrainingEndsBeforeItsFirstStep() throws IOException {
        Path broken = broken("unet", "conv_in.bias", Float.NaN);
        Path images = Files.createDirectories(folder.resolve("images"));
        Files.write(images.resolve("a.png"), new Picture(64, 64, new byte[3 * 64 * 64]).toPng());
        int code = run(
                "train",
                "--base",
                broken,
                "--images",
                images,
                "--resolution",
                64,
                "--trigger-word",
                "sks",
                "--sample-steps",
                1,
                "-o",
                folder.resolve("out"));

        assertThat(code).isEqualTo(1);
        assertOneLine(broken + ": the picture of seed", "get the files again");
        assertThat(said).doesNotContain("step 1 ");
    }

    private Path broken(String component, String tensor, float value) {
        ModelSource source = ModelSource.open(base);
        TensorSource weights = source.weights(component);
        Map<String, TensorData> tensors = new TreeMap<>();
        weights.names().forEach(name -> tensors.put(name, weights.read(name)));
        float[] values = weights.read(tensor).toFloats();
        values[0] = value;
        tensors.put(tensor, TensorData.of(values, weights.info(tensor).dimensions()));
        SafetensorsFile spoiled = SafetensorsFile.open(tensors(component, tensors));
        Path broken = folder.resolve("broken");
        ModelWriter.diffusersFolder(source.replacing(Map.of(component, spoiled)), broken);
        return broken;
    }
}
