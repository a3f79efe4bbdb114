package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** inspect, merge, convert and resize, by what they write and say. */
class LocalFilesTest extends LocalFilesFixture {
    @Test
    void aLoraIsShownWithItsRanksLayersAndStrength() throws IOException {
        Path file = kohya("cat.safetensors", adapters(4, 1));
        succeeds("inspect", file);
        assertThat(said)
                .contains("a LoRA in kohya's form, Stable Diffusion 1.x")
                .containsPattern("rank +4")
                .containsPattern("alpha +2")
                .contains("attn1.to_q (1)", "self_attn.q_proj (1)", "down_blocks.0", "layers.1")
                .contains("ss_network_dim = 4");

        succeeds("inspect", "--json", file);
        JsonNode json = new ObjectMapper().readTree(said);
        assertThat(json.path("kind").asText()).isEqualTo("lora");
        assertThat(json.path("lora").path("form").asText()).isEqualTo("kohya");
        assertThat(json.path("sha256").path("data").asText())
                .isEqualTo(json.path("metadata").path("sshs_model_hash").asText());
        double norm = json.path("lora")
                .path("components")
                .get(0)
                .path("norms")
                .path("down_blocks.0")
                .asDouble();
        assertThat(norm).isCloseTo(LoraArithmetic.norms(adapters(4, 1).get(0)).get(Q), within(1e-6));
    }

    @Test
    void everyKindIsToldApart() {
        Path word = folder.resolve("learned_embeds.safetensors");
        TextualInversionFiles.writeDiffusers(
                word, new TextualInversion("<cat>", List.of(new float[32], new float[32]), null), Map.of());
        Path state = tensors("state", Map.of("parameters", floats(3), "exp_avg", floats(3), "exp_avg_sq", floats(3)));
        assertThat(kind(base)).isEqualTo("base-model");
        assertThat(said).contains("\"predictionType\" : \"epsilon\"", "Stable Diffusion 1.x");
        assertThat(kind(base.resolve("unet"))).isEqualTo("networks");
        assertThat(kind(base.resolve("vae/diffusion_pytorch_model.safetensors")))
                .isEqualTo("networks");
        assertThat(kind(word)).isEqualTo("textual-inversion");
        assertThat(said).contains("<cat>");
        assertThat(kind(state)).isEqualTo("training-state");
        assertThat(kind(tensors("x", Map.of("a", floats(2), "b", floats(2))))).isEqualTo("other");
        assertThat(kind(tensors("loha", Map.of("lora_unet_x.hada_w1_a", floats(2)))))
                .isEqualTo("other");
        assertThat(said).contains("a LoHa, which is not supported");
        assertThat(kind(tensors("flux", Map.of("model.diffusion_model.double_blocks.0.x", floats(2)))))
                .isEqualTo("other");
        assertThat(said).contains("Flux");
    }

    private String kind(Path path) {
        succeeds("inspect", "--json", path);
        return said.replaceFirst("(?s).*\"kind\" : \"([^\"]*)\".*", "$1");
    }

    @Test
    void aBaseModelIsHeldAgainstItsConfig() throws IOException {
        Path copy = copyOfBase();
        Path config = copy.resolve("unet/config.json");
        Files.writeString(
                config, Files.readString(config).replaceFirst("\"in_channels\" : \\d+", "\"in_channels\" : 9"));
        assertThat(run("inspect", copy)).isEqualTo(1);
        assertThat(said).contains("a base model");
        assertOneLine("in_channels is 9, but 4 by the weights");
        assertThat(run("convert", copy, "--to", "single-file", "-o", folder.resolve("o.safetensors")))
                .isEqualTo(1);
        assertOneLine("in_channels is 9, but 4 by the weights");
        assertThat(folder.resolve("o.safetensors")).doesNotExist();
    }

    @Test
    void aMergedLoraChangesEveryWeightByTheSum() {
        Path one = kohya("one.safetensors", adapters(4, 1));
        Path two = kohya("two.safetensors", adapters(2, 2));
        Path out = folder.resolve("made/both.safetensors");
        succeeds("merge", one + ":0.7", two + ":-1.5", "-o", out, "--to", "diffusers");

        LoraFile merged = LoraFormats.open(out);
        assertThat(merged.form()).isEqualTo(LoraForm.DIFFUSERS);
        assertThat(merged.metadata())
                .containsEntry("modelspec.merged_from", "0.7 one.safetensors, -1.5 two.safetensors");
        for (Component component : List.of(Component.UNET, Component.TEXT_ENCODER)) {
            String module = component == Component.UNET ? Q : TEXT;
            double[] expected = change(LoraFormats.open(one), component, module, 0.7);
            double[] second = change(LoraFormats.open(two), component, module, -1.5);
            double[] sum = change(merged, component, module, 1);
            for (int i = 0; i < sum.length; i++) {
                assertThat(sum[i]).isCloseTo(expected[i] + second[i], within(1e-6));
            }
        }

        succeeds("merge", one, two, "-o", out, "--rank", 3);
        assertThat(said)
                .containsPattern("relative error 0\\.\\d+ of all layers together; the worst:")
                .contains("rank 6 to 3");
        assertThat(LoraFormats.open(out).adapters().get(Component.UNET).rank()).isEqualTo(3);
        assertThat(LoraFormats.open(out).form()).as("as the first").isEqualTo(LoraForm.KOHYA);
    }

    @Test
    void aLoraIsPutIntoABaseInEitherLayout() {
        Path lora = kohya("cat.safetensors", adapters(4, 1));
        Path baked = folder.resolve("baked");
        succeeds("merge", lora + ":0.5", "--base", base, "-o", baked, "--dtype", "fp32");
        assertThat(said).contains("a diffusers folder, Stable Diffusion 1.x");
        double[] expected = change(LoraFormats.open(lora), Component.UNET, Q, 0.5);
        float[] before =
                ModelSource.open(base).weights("unet").read(Q + ".weight").toFloats();
        TensorData after = ModelSource.open(baked).weights("unet").read(Q + ".weight");
        assertThat(after.info().dtype()).isEqualTo(DType.F32);
        for (int i = 0; i < before.length; i++) {
            assertThat(after.toFloats()[i]).isCloseTo((float) (before[i] + expected[i]), within(1e-6f));
        }

        Path file = folder.resolve("baked.safetensors");
        assertThat(run("merge", lora + ":0.5", "--base", base, "-o", file, "--dtype", "fp32"))
                .isZero();
        Path again = folder.resolve("again");
        succeeds("convert", file, "--config", base, "--to", "diffusers", "-o", again);
        sameTensors(ModelSource.open(again), ModelSource.open(baked));
    }

    @Test
    void networksOfAFullFineTuningTakeTheirPlaceInABase() throws IOException {
        Path result = Files.createDirectories(folder.resolve("result/unet"));
        TensorSource unet = ModelSource.open(base).weights("unet");
        Map<String, TensorData> tuned = new TreeMap<>();
        for (String name : unet.names()) {
            tuned.put(
                    name,
                    TensorData.of(
                            new float[unet.read(name).size()], unet.info(name).dimensions()));
        }
        SafetensorsWriter.write(result.resolve("diffusion_pytorch_model.safetensors"), tuned, Map.of());
        Path out = folder.resolve("whole");
        succeeds("merge", result.getParent(), "--base", base, "-o", out);
        assertThat(ModelSource.open(out).weights("unet").read("conv_in.weight").toFloats())
                .containsOnly(0);
        assertThat(ModelSource.open(out).weights("vae").read("quant_conv.weight"))
                .isEqualTo(ModelSource.open(base).weights("vae").read("quant_conv.weight"));
        assertThat(run("merge", result.getParent() + ":0.5", "--base", base, "-o", folder.resolve("no")))
                .isEqualTo(2);

        tuned.remove("conv_in.weight");
        SafetensorsWriter.write(result.resolve("diffusion_pytorch_model.safetensors"), tuned, Map.of());
        assertThat(run("merge", result.getParent(), "--base", base, "-o", folder.resolve("no")))
                .isEqualTo(1);
        assertOneLine(result.toString(), "it lacks conv_in.weight");
    }

    private static void sameTensors(ModelSource actual, ModelSource expected) {
        for (String component : List.of("unet", "vae", "text_encoder")) {
            TensorSource weights = expected.weights(component);
            assertThat(actual.weights(component).names()).containsExactlyInAnyOrderElementsOf(weights.names());
            for (String name : weights.names()) {
                assertThat(actual.weights(component).read(name)).as(name).isEqualTo(weights.read(name));
            }
        }
    }

    @Test
    void aLoraSurvivesEveryForm() {
        Path kohya = kohya("k.safetensors", adapters(4, 1));
        Path diffusers = folder.resolve("d.safetensors");
        Path peft = folder.resolve("peft");
        Path back = folder.resolve("back.safetensors");
        succeeds("convert", kohya, "--to", "diffusers", "-o", diffusers);
        succeeds("convert", diffusers, "--to", "peft", "-o", peft);
        succeeds("convert", peft, "--to", "a1111", "--dtype", "bf16", "-o", back);

        assertThat(LoraFormats.open(back).form()).isEqualTo(LoraForm.KOHYA);
        assertThat(LoraFormats.open(back).dtype()).isEqualTo(DType.BF16);
        double[] expected = change(LoraFormats.open(kohya), Component.TEXT_ENCODER, TEXT, 1);
        double[] exact = change(LoraFormats.open(peft), Component.TEXT_ENCODER, TEXT, 1);
        double[] rounded = change(LoraFormats.open(back), Component.TEXT_ENCODER, TEXT, 1);
        for (int i = 0; i < expected.length; i++) {
            assertThat(exact[i]).isCloseTo(expected[i], within(1e-6));
            assertThat(rounded[i]).isCloseTo(expected[i], within(0.02));
        }
    }

    @Test
    void aLoraIsBroughtToALowerRank() {
        Path file = kohya("k.safetensors", adapters(4, 1));
        Path out = folder.resolve("small.safetensors");
        succeeds("resize", file, "--rank", 2, "-o", out);
        assertThat(said).contains("relative error", "rank 4 to 2", "small.safetensors: kohya, F32, rank 2, 2 layers");
        succeeds("resize", file, "--energy", 0.999999, "-o", out);
        assertThat(LoraFormats.open(out).adapters().get(Component.UNET).rank()).isEqualTo(4);
        assertThat(run("resize", file, "-o", out)).isEqualTo(2);
        assertThat(run("resize", file, "--rank", 2, "--energy", 0.5, "-o", out)).isEqualTo(2);
        assertThat(run("resize", file, "--rank", 0, "-o", out)).isEqualTo(2);
    }

    @Test
    void aWordSurvivesBothForms() {
        Path first = folder.resolve("learned_embeds.safetensors");
        float[] vector = {1, 2, 3, 4};
        TextualInversionFiles.writeDiffusers(
                first, new TextualInversion("<cat>", List.of(vector), List.of(new float[] {5})), Map.of());
        Path a1111 = folder.resolve("cat.safetensors");
        Path back = folder.resolve("back.safetensors");
        succeeds("convert", first, "--to", "a1111", "-o", a1111);
        assertThat(SafetensorsFile.open(a1111).names()).containsExactlyInAnyOrder("clip_l", "clip_g");
        succeeds("convert", a1111, "--to", "diffusers", "--token", "<cat>", "-o", back);
        TextualInversion read = TextualInversionFiles.read(back);
        assertThat(read.token()).isEqualTo("<cat>");
        assertThat(read.vectors().get(0)).isEqualTo(vector);
    }

    @Test
    void wrongOptionsAreAWrongCommandLine() {
        Path file = kohya("k.safetensors", adapters(4, 1));
        Path out = folder.resolve("o.safetensors");
        assertThat(run("merge", file + ":much", "-o", out)).isEqualTo(2);
        assertThat(complained).contains("'much' is no weight");
        assertThat(run("merge", file, "-o", out, "--to", "single-file")).isEqualTo(2);
        assertThat(run("merge", file, "-o", out, "--base", base, "--rank", 2)).isEqualTo(2);
        assertThat(run("merge", file, "-o", out, "--dtype", "int8")).isEqualTo(2);
        assertThat(complained).contains("none of fp32, fp16, bf16");
        assertThat(run("convert", file, "-o", out, "--to", "single-file")).isEqualTo(2);
        assertThat(complained).contains("is a LoRA, which is written as one of diffusers, peft, kohya");
        assertThat(run("convert", base, "-o", out, "--to", "kohya")).isEqualTo(2);
        assertThat(run("convert", file, "-o", out, "--to", "onnx")).isEqualTo(2);
        assertThat(out).doesNotExist();
    }

    @Test
    void aLoraForAnotherBaseIsRefusedWithLayersAndBothShapes() {
        LoraPair wide = LoraPair.linear(2, 768, 320, new float[2 * 768], new float[2 * 320], 2);
        Path file = kohya("sd15.safetensors", List.of(LoraWeights.of(Component.UNET, Map.of(Q, wide))));
        Path out = folder.resolve("out");
        assertThat(run("merge", file, "--base", base, "-o", out)).isEqualTo(1);
        assertOneLine(file + " does not fit " + base, Q + " down has the shape [2, 768], the base needs [2, ");
        assertThat(out).doesNotExist();

        Path other = kohya("k.safetensors", adapters(4, 1));
        assertThat(run("merge", other, file, "-o", folder.resolve("o.safetensors")))
                .isEqualTo(1);
        assertOneLine(file + " does not fit " + other, "unet " + Q + " is [320, 768], not [");
    }

    private static double[] change(LoraFile file, Component component, String module, double weight) {
        LoraPair pair = file.adapters().get(component).modules().get(module);
        double[] change = new double[pair.out() * pair.in()];
        for (int row = 0; row < pair.out(); row++) {
            for (int column = 0; column < pair.in(); column++) {
                for (int k = 0; k < pair.rank(); k++) {
                    change[row * pair.in() + column] += weight
                            * pair.scale()
                            * pair.up()[row * pair.rank() + k]
                            * pair.down()[k * pair.in() + column];
                }
            }
        }
        return change;
    }

    private Path copyOfBase() throws IOException {
        Path copy = folder.resolve("copy");
        try (var files = Files.walk(base)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = copy.resolve(base.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
        return copy;
    }
}
