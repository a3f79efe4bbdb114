package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.scheduler.Sampler;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Element;

/** generate, by the pictures that it writes and what it says. */
class GenerateTest {
    private static final String Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";

    @TempDir
    private static Path models = Path.of("");

    private static Path base = Path.of("");

    @TempDir
    Path folder = Path.of("");

    private String said = "";

    @BeforeAll
    static void writeModel() {
        base = models.resolve("demo");
        BaseModelInitializer.create(base, 1);
    }

    @Test
    void picturesOfABatchHaveSeedsInARowAndRepeatAlone() throws IOException {
        assertThat(generate("--num-images", "3", "--seed", "7", "-o", folder.toString()))
                .isZero();
        assertThat(said)
                .contains("00000-7.png: seed 7")
                .contains("00001-8.png: seed 8")
                .contains("00002-9.png: seed 9");
        Path alone = folder.resolve("alone.png");
        assertThat(generate("--seed", "8", "-o", alone.toString())).isZero();
        Picture batched = Picture.decode(Files.readAllBytes(folder.resolve("00001-8.png")));
        Picture again = Picture.decode(Files.readAllBytes(alone));
        assertThat(again.width()).isEqualTo(64);
        assertThat(difference(again, batched)).isLessThan(0.5);
        assertThat(generate("--seed", "8", "-o", folder.toString())).isZero();
        assertThat(folder.resolve("00003-8.png")).exists();
    }

    private static double difference(Picture a, Picture b) {
        double sum = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            sum += Math.abs((a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff));
        }
        return sum / a.rgb().length;
    }

    @Test
    void aLoraAndAWordChangeThePictureAndStandInItsSettings() throws IOException {
        float[] down = new float[32];
        for (int i = 0; i < down.length; i++) {
            down[i] = (float) Math.sin(i);
        }
        Path lora = folder.resolve("cat.safetensors");
        LoraWeights adapter =
                LoraWeights.of(Component.UNET, Map.of(Q, LoraPair.linear(1, 32, 32, down, down.clone(), 1)));
        LoraFormats.writeDiffusers(lora, adapter, Map.of());
        float[] vector = new float[64];
        Arrays.fill(vector, 0.3f);
        Path word = folder.resolve("word.safetensors");
        TextualInversionFiles.writeDiffusers(
                word, new TextualInversion("<cat>", List.of(vector, vector), null), Map.of());
        List<Picture> pictures = new ArrayList<>();
        List<String[]> ways = List.of(new String[0], new String[] {"--lora", lora + ":0.8"}, new String[] {
            "--lora", lora + ":0.8", "--embedding", word.toString()
        });
        for (String[] way : ways) {
            Path file = folder.resolve(pictures.size() + ".png");
            List<String> arguments = new ArrayList<>(List.of(way));
            arguments.addAll(List.of("--seed", "1", "--sampler", "euler-ancestral", "-o", file.toString()));
            assertThat(generate(arguments.toArray(new String[0]))).as(said).isZero();
            pictures.add(Picture.decode(Files.readAllBytes(file)));
            assertThat(parameters(file))
                    .startsWith("a <cat>, or \u00fc\nNegative prompt: blurry\n"
                            + "Steps: 2, Sampler: Euler a, CFG scale: 7.5, Seed: 1, Size: 64x64, Model: demo");
        }
        assertThat(difference(pictures.get(0), pictures.get(1))).isPositive();
        assertThat(difference(pictures.get(1), pictures.get(2))).isPositive();
        assertThat(parameters(folder.resolve("2.png")))
                .contains("LoRA: \"cat.safetensors:0.8\", TI: word.safetensors, Precision: fp32, Version: Aquatint");
    }

    /** What another program finds in the file's text chunk. */
    private static String parameters(Path png) throws IOException {
        ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
        reader.setInput(ImageIO.createImageInputStream(new ByteArrayInputStream(Files.readAllBytes(png))));
        Element root = (Element) reader.getImageMetadata(0).getAsTree("javax_imageio_png_1.0");
        Element chunk = (Element) root.getElementsByTagName("iTXtEntry").item(0);
        assertThat(chunk.getAttribute("keyword")).isEqualTo("parameters");
        return Objects.requireNonNull(chunk.getAttribute("text"));
    }

    @Test
    void aLoraOfAnotherBaseIsNamedWithItsTensorsAndShapes() {
        Path lora = folder.resolve("wide.safetensors");
        LoraPair wide = LoraPair.linear(1, 320, 320, new float[320], new float[320], 1);
        LoraFormats.writeDiffusers(lora, LoraWeights.of(Component.UNET, Map.of(Q, wide)), Map.of());
        assertThat(generate("--lora", lora.toString(), "-o", folder.toString())).isEqualTo(1);
        assertThat(said).contains("wide.safetensors does not fit", Q, "[1, 320]", "[1, 32]");
    }

    @Test
    void whatTheTextEncoderCutsOffIsSaid() {
        String prompt = "a cat " + "on a mat ".repeat(1200) + "in a hat";
        assertThat(run("--prompt", prompt, "-o", folder.resolve("a.png").toString(), "--seed", "1"))
                .isZero();
        assertThat(said).contains("the text encoder takes 77 tokens").contains("does not count: ");
        assertThat(said.length()).isLessThan(1000);
    }

    @Test
    void whatCannotBeDrawnIsAWrongCommandLineOrAClearError() {
        assertThat(generate("--sampler", "plms", "-o", folder.toString())).isEqualTo(2);
        assertThat(said).contains("'plms' is none of ddim, dpmpp_2m,");
        assertThat(generate("--num-images", "2", "-o", folder.resolve("a.png").toString()))
                .isEqualTo(2);
        assertThat(said).contains("2 pictures need a folder");
        assertThat(generate("--precision", "fp8", "-o", folder.toString())).isEqualTo(2);
        assertThat(generate("--width", "72", "-o", folder.toString())).isEqualTo(1);
        assertThat(said).contains("72 x 64 pixels: width and height must be multiples of 64");
        assertThat(generate("--model-weights", base.resolve("tokenizer").toString(), "-o", folder.toString()))
                .isEqualTo(1);
    }

    @Test
    void networksOfAFullFineTuningTakeThePlaceOfTheBases() throws IOException {
        BaseModelInitializer.create(folder.resolve("other"), 2);
        Path trained = Files.createDirectory(folder.resolve("trained"));
        Files.move(folder.resolve("other/unet"), trained.resolve("unet"));
        Path plain = folder.resolve("plain.png");
        Path tuned = folder.resolve("tuned.png");
        assertThat(generate("--seed", "1", "-o", plain.toString())).isZero();
        assertThat(generate("--seed", "1", "--model-weights", trained.toString(), "-o", tuned.toString()))
                .as(said)
                .isZero();
        assertThat(Picture.decode(Files.readAllBytes(tuned)).rgb())
                .isNotEqualTo(Picture.decode(Files.readAllBytes(plain)).rgb());
    }

    @Test
    void aSettingWithAColonOrACommaIsQuoted() {
        GenerationRequest request = new GenerationRequest("a", null, 3, 20, 7, 512, 768, Sampler.Kind.DPMPP_2M_KARRAS);
        assertThat(new GenerationSettings(request, Map.of("LoRA", "a:1, \"b\":2")).text())
                .isEqualTo("a\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 3, Size: 512x768, "
                        + "LoRA: \"a:1, \\\"b\\\":2\"");
    }

    private int generate(String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("--prompt", "a <cat>, or \u00fc", "--negative-prompt", "blurry"));
        arguments.addAll(List.of(more));
        return run(arguments.toArray(new String[0]));
    }

    private int run(String... more) {
        List<String> arguments = new ArrayList<>(List.of("generate", "--base", base.toString(), "--steps", "2"));
        if (!List.of(more).contains("--width")) {
            arguments.addAll(List.of("--width", "64"));
        }
        arguments.addAll(List.of("--height", "64"));
        arguments.addAll(List.of(more));
        StringWriter text = new StringWriter();
        int code = Aquatint.execute(
                new PrintWriter(text, true), new PrintWriter(text, true), arguments.toArray(new String[0]));
        said = text.toString();
        return code;
    }
}
