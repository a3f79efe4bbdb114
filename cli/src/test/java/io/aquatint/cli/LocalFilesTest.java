package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.LoraWriter;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** inspect, merge, convert and resize, by what they write and say. */
class LocalFilesTest {
    private static final String Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    private static final String TEXT = "text_model.encoder.layers.1.self_attn.q_proj";

    @TempDir
    private static Path models = Path.of("");

    private static Path base = Path.of("");

    @TempDir
    Path folder = Path.of("");

    private String said = "";
    private String complained = "";

    @BeforeAll
    static void makeBase() {
        base = models.resolve("base");
        BaseModelInitializer.create(base, 1);
    }

    private int run(Object... arguments) {
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

    private void succeeds(Object... arguments) {
        assertThat(run(arguments)).as(complained).isZero();
        assertThat(complained).isEmpty();
    }

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

    @ParameterizedTest
    @ValueSource(strings = {"inspect", "convert", "resize", "merge", "base"})
    void brokenFilesAreRefusedInOneLineThatNamesThem(String command) throws IOException {
        for (Path file : brokenFiles()) {
            Path out = folder.resolve("out");
            int code =
                    switch (command) {
                        case "inspect" -> run("inspect", file);
                        case "convert" -> run("convert", file, "-o", out);
                        case "resize" -> run("resize", file, "--rank", 2, "-o", out);
                        case "base" -> run("merge", kohya("ok.safetensors", adapters(2, 1)), "--base", file, "-o", out);
                        default -> run("merge", file, "-o", out);
                    };
            assertThat(code).as(complained).isEqualTo(1);
            assertOneLine(file.toString());
            assertThat(out).doesNotExist();
        }
    }

    private List<Path> brokenFiles() throws IOException {
        byte[] valid = Files.readAllBytes(kohya("valid.safetensors", adapters(4, 1)));
        List<Path> files = new ArrayList<>();
        files.add(folder.resolve("missing.safetensors"));
        files.add(broken("empty", new byte[0]));
        files.add(broken("truncated", Arrays.copyOf(valid, valid.length - 5)));
        files.add(broken("cut-in-header", Arrays.copyOf(valid, 100)));
        files.add(broken("longer", Arrays.copyOf(valid, valid.length + 5)));
        files.add(broken(
                "petabyte",
                ByteBuffer.allocate(100)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0, 1_000_000_000_000_000L)
                        .array()));
        files.add(broken(
                "negative",
                ByteBuffer.allocate(100)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0, -1)
                        .array()));
        files.add(header("no-json", "{{"));
        files.add(header("overlap", entries("[0,4]", "[2,6]")));
        files.add(header("gap", entries("[0,4]", "[6,10]")));
        files.add(header("float8", entries("[0,4]", "[4,8]").replaceFirst("F32", "F8_E5M2")));
        files.add(header(
                "huge-shape", entries("[0,4]", "[4,8]").replaceFirst("\\[1\\]", "[1000000000000,1000000000000]")));
        files.add(header("escapes", "{\"\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}"));
        for (String pickled : List.of("model.ckpt", "pytorch_model.bin", "embedding.pt")) {
            files.add(Files.write(folder.resolve(pickled), new byte[64]));
        }
        byte[] zip = new byte[64];
        System.arraycopy(new byte[] {'P', 'K', 3, 4}, 0, zip, 0, 4);
        files.add(broken("zip", zip));
        files.add(tensors(
                "integers",
                Map.of("lora_unet_x.lora_down.weight", integers(), "lora_unet_x.lora_up.weight", integers())));
        files.add(tensors("alone", Map.of("lora_unet_x.lora_down.weight", floats(4))));
        files.add(Files.createDirectories(folder.resolve("empty-folder")));
        return files;
    }

    private void assertOneLine(String... parts) {
        assertThat(complained).startsWith("aquatint: ").contains(parts).doesNotContain("Exception", "\tat ", "\u001b");
        assertThat(complained.strip().lines()).hasSize(1);
    }

    private Path broken(String name, byte[] bytes) throws IOException {
        return Files.write(folder.resolve(name + ".safetensors"), bytes);
    }

    private Path header(String name, String json) throws IOException {
        byte[] text = json.getBytes(StandardCharsets.UTF_8);
        return broken(
                name,
                ByteBuffer.allocate(8 + text.length + 8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(text.length)
                        .put(text)
                        .array());
    }

    private static String entries(String first, String second) {
        return """
                {"a":{"dtype":"F32","shape":[1],"data_offsets":%s},"b":{"dtype":"F32","shape":[1],"data_offsets":%s}}""".formatted(first, second);
    }

    private Path tensors(String name, Map<String, TensorData> tensors) {
        Path file = folder.resolve(name + ".safetensors");
        SafetensorsWriter.write(file, tensors, Map.of());
        return file;
    }

    private static TensorData floats(int count) {
        return TensorData.of(new float[count], count);
    }

    private static TensorData integers() {
        return new TensorData(TensorInfo.of(DType.I32, 1, 1), ByteBuffer.allocate(4));
    }

    private Path kohya(String name, List<LoraWeights> adapters) {
        Path file = folder.resolve(name);
        KohyaMetadata metadata = KohyaMetadata.builder(io.aquatint.diffusion.checkpoint.Architecture.STABLE_DIFFUSION_1)
                .build();
        new LoraWriter(adapters).kohya(file, metadata);
        return file;
    }

    /** Of one layer of the base's UNet and one of its text encoder. */
    private static List<LoraWeights> adapters(int rank, long seed) {
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

    private static float[] values(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (0.3 * random.nextGaussian());
        }
        return values;
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
