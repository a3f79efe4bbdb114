package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** What holds of every LoRA in every form: ranks, alphas, convolutions, one component or all, any structure of the UNet. */
final class LoraFormatsPropertiesTest {
    private static Path folder = Path.of("");

    @BeforeContainer
    static void makeFolder() throws IOException {
        folder = Files.createTempDirectory("lora");
    }

    @AfterContainer
    static void deleteFolder() throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Property(tries = 150)
    void anAdapterIsReadAsItWasWritten(@ForAll("adapters") List<LoraWeights> adapters, @ForAll LoraForm form)
            throws IOException {
        Path path = Files.createTempDirectory(folder, "one").resolve("adapter.safetensors");
        write(adapters, form, path);

        LoraFile read = LoraFormats.open(path);

        assertThat(read.form()).isEqualTo(form);
        assertThat(read.adapters()).hasSameSizeAs(adapters);
        for (LoraWeights adapter : adapters) {
            sameChanges(Objects.requireNonNull(read.adapters().get(adapter.component())), adapter);
        }
    }

    @Property(tries = 60)
    void anAdapterSurvivesEveryConversion(
            @ForAll("adapters") List<LoraWeights> adapters, @ForAll LoraForm first, @ForAll LoraForm second)
            throws IOException {
        Path path = Files.createTempDirectory(folder, "two");
        write(adapters, first, path.resolve("first"));
        LoraFile between = LoraFormats.open(path.resolve("first"));
        write(between.weights(), second, path.resolve("second"));

        LoraFile read = LoraFormats.open(path.resolve("second"));
        for (LoraWeights adapter : adapters) {
            sameChanges(Objects.requireNonNull(read.adapters().get(adapter.component())), adapter);
        }
    }

    @Property(tries = 100)
    void aFileWithoutOneOfItsTensorsIsRefused(@ForAll("adapters") List<LoraWeights> adapters, @ForAll int which)
            throws IOException {
        Path whole = Files.createTempFile(folder, "whole", ".safetensors");
        write(adapters, LoraForm.DIFFUSERS, whole);
        SafetensorsFile file = SafetensorsFile.open(whole);
        List<String> names = List.copyOf(file.names());
        String missing = names.get(Math.floorMod(which, names.size()));
        Map<String, TensorData> rest = new TreeMap<>();
        names.stream().filter(name -> !name.equals(missing)).forEach(name -> rest.put(name, file.read(name)));
        SafetensorsWriter.write(whole, rest, file.metadata());

        assertThatThrownBy(() -> LoraFormats.open(whole))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(whole.toString())
                .hasMessageContaining("lacks its " + (missing.endsWith("down.weight") ? "down" : "up") + " tensor");
    }

    private static void write(Collection<LoraWeights> adapters, LoraForm form, Path path) {
        LoraWriter writer = new LoraWriter(adapters);
        switch (form) {
            case DIFFUSERS -> writer.diffusers(path);
            case PEFT -> writer.peft(path);
            case KOHYA -> writer.kohya(path, KohyaMetadata.of(Map.of()));
        }
    }

    private static void sameChanges(LoraWeights actual, LoraWeights expected) {
        assertThat(actual.modules().keySet()).isEqualTo(expected.modules().keySet());
        expected.modules().forEach((module, pair) -> {
            LoraPair read = Objects.requireNonNull(actual.modules().get(module));
            assertThat(read.downShape()).isEqualTo(pair.downShape());
            assertThat(read.upShape()).isEqualTo(pair.upShape());
            double[] expectedChange = change(pair);
            double[] actualChange = change(read);
            double largest = 0;
            for (double value : expectedChange) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (int i = 0; i < expectedChange.length; i++) {
                assertThat(Math.abs(actualChange[i] - expectedChange[i])).isLessThanOrEqualTo(1e-6 * largest);
            }
        });
    }

    private static double[] change(LoraPair pair) {
        double[] change = new double[pair.out() * pair.width()];
        for (int row = 0; row < pair.out(); row++) {
            for (int column = 0; column < pair.width(); column++) {
                double sum = 0;
                for (int k = 0; k < pair.rank(); k++) {
                    sum += (double) pair.up()[row * pair.rank() + k] * pair.down()[k * pair.width() + column];
                }
                change[row * pair.width() + column] = pair.scale() * sum;
            }
        }
        return change;
    }

    @Provide
    Arbitrary<List<LoraWeights>> adapters() {
        Arbitrary<Integer> layers = Arbitraries.integers().between(1, 3);
        return layers.flatMap(LoraFormatsPropertiesTest::unetModules).flatMap(unet -> {
            Arbitrary<List<String>> text = some(textModules());
            return Combinators.combine(
                            some(unet),
                            text,
                            text,
                            Arbitraries.of(Component.class).set().ofMinSize(1),
                            Arbitraries.longs())
                    .as((inUNet, inText, inSecond, components, seed) -> {
                        Map<Component, List<String>> modules = new EnumMap<>(Component.class);
                        modules.put(Component.UNET, inUNet);
                        modules.put(Component.TEXT_ENCODER, inText);
                        modules.put(Component.TEXT_ENCODER_2, inSecond);
                        modules.keySet().retainAll(components);
                        return adapters(modules, new Random(seed));
                    });
        });
    }

    private static Arbitrary<List<String>> some(List<String> modules) {
        return Arbitraries.of(modules).list().uniqueElements().ofMinSize(1).ofMaxSize(12);
    }

    private static List<LoraWeights> adapters(Map<Component, List<String>> modules, Random random) {
        List<LoraWeights> adapters = new ArrayList<>();
        modules.forEach((component, names) -> {
            Map<String, LoraPair> pairs = new TreeMap<>();
            names.forEach(name -> pairs.put(name, pair(name, random)));
            adapters.add(LoraWeights.of(component, pairs));
        });
        return adapters;
    }

    private static LoraPair pair(String module, Random random) {
        int rank = 1 + random.nextInt(5);
        int in = 1 + random.nextInt(6);
        int out = 1 + random.nextInt(6);
        int kernel = module.contains("conv_shortcut") ? 1 : module.contains("conv") ? 3 : 0;
        long[] downShape = kernel == 0 ? new long[] {rank, in} : new long[] {rank, in, kernel, kernel};
        long[] upShape = kernel == 0 ? new long[] {out, rank} : new long[] {out, rank, 1, 1};
        double alpha =
                switch (random.nextInt(3)) {
                    case 0 -> rank;
                    case 1 -> 1 + random.nextInt(8);
                    default -> (float) (random.nextDouble() * 10);
                };
        return new LoraPair(
                values(random, rank * in * Math.max(1, kernel * kernel)),
                downShape,
                values(random, out * rank),
                upShape,
                alpha);
    }

    private static float[] values(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(5) - 3));
        }
        return values;
    }

    private static Arbitrary<List<String>> unetModules(int layers) {
        return Arbitraries.of(Tuple.of(0, 3), Tuple.of(1, 3), Tuple.of(0, 4)).map(levels -> {
            List<String> modules = new ArrayList<>(List.of("conv_in", "conv_out", "time_embedding.linear_1"));
            for (int level = levels.get1(); level < levels.get2(); level++) {
                int up = levels.get2() - 1 - level;
                for (int layer = 0; layer < layers; layer++) {
                    layer(modules, "down_blocks." + level, layer);
                }
                for (int layer = 0; layer <= layers; layer++) {
                    layer(modules, "up_blocks." + up, layer);
                }
                modules.add("down_blocks." + level + ".downsamplers.0.conv");
                modules.add("up_blocks." + up + ".upsamplers.0.conv");
            }
            layer(modules, "mid_block", 0);
            modules.add("mid_block.resnets.1.conv2");
            return modules;
        });
    }

    private static void layer(List<String> modules, String block, int layer) {
        String attention = block + ".attentions." + layer;
        String resnet = block + ".resnets." + layer;
        modules.addAll(List.of(
                attention + ".proj_in",
                attention + ".transformer_blocks.0.attn1.to_out.0",
                attention + ".transformer_blocks.1.attn2.to_k",
                attention + ".transformer_blocks.0.ff.net.0.proj",
                attention + ".transformer_blocks.0.ff.net.2",
                resnet + ".conv1",
                resnet + ".conv_shortcut",
                resnet + ".time_emb_proj"));
    }

    private static List<String> textModules() {
        List<String> modules = new ArrayList<>();
        for (int layer = 0; layer < 3; layer++) {
            String block = "text_model.encoder.layers." + layer;
            modules.addAll(List.of(
                    block + ".self_attn.q_proj",
                    block + ".self_attn.out_proj",
                    block + ".mlp.fc1",
                    block + ".mlp.fc2"));
        }
        return modules;
    }
}
