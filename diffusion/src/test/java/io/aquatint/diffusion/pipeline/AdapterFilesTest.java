package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.TinyModels;
import io.aquatint.diffusion.adapter.BakedAdapters;
import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.adapter.LoraArithmetic.Summand;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.LoraWriter;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.ModelWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.scheduler.Sampler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Adapters of the UNet and of every text encoder, alpha unlike the rank: whatever is done to their files, they draw the same. */
class AdapterFilesTest {
    @TempDir
    Path folder = Path.of("");

    enum Base {
        SD15,
        SD2,
        SDXL
    }

    private Path base(Base base) throws IOException {
        return switch (base) {
            case SD15 -> Golden.path("sd15/model");
            case SD2 -> TinyModels.stableDiffusion2(folder.resolve("sd2"));
            case SDXL -> TinyModels.stableDiffusionXl(folder.resolve("sdxl"));
        };
    }

    @ParameterizedTest
    @EnumSource
    void anAdapterDrawsTheSameThroughEachForm(Base base) throws IOException {
        try (StableDiffusion model = StableDiffusion.load(base(base))) {
            List<LoraWeights> adapters = adapters(model.source(), 1);
            float[] expected = draw(model, adapters, 0.8);
            assertThat(Golden.relativeError(expected, draw(model, List.of(), 1)))
                    .as("the adapter shows")
                    .isGreaterThan(1e-3);

            LoraWriter writer = new LoraWriter(adapters).unet(model.source().config("unet"));
            KohyaMetadata metadata = KohyaMetadata.builder(model.architecture()).build();
            writer.diffusers(folder.resolve("diffusers.safetensors"));
            writer.peft(Files.createDirectory(folder.resolve("peft")));
            writer.kohya(folder.resolve("kohya.safetensors"), metadata);
            for (String form : List.of("diffusers.safetensors", "peft", "kohya.safetensors")) {
                Collection<LoraWeights> read =
                        LoraFormats.open(folder.resolve(form)).weights();
                assertThat(read).as(form).hasSameSizeAs(adapters);
                assertThat(Golden.relativeError(draw(model, read, 0.8), expected))
                        .as(form)
                        .isLessThan(1e-5);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSumDrawsWhatItsPartsDraw(Base base) throws IOException {
        try (StableDiffusion model = StableDiffusion.load(base(base))) {
            List<Summand> summands = List.of(
                    new Summand("a", adapters(model.source(), 1), 0.7),
                    new Summand("b", adapters(model.source(), 2), -0.4));
            List<WeightedLora> parts = new ArrayList<>();
            summands.forEach(part -> part.adapters().forEach(its -> parts.add(new WeightedLora(its, part.weight()))));

            assertThat(Golden.relativeError(draw(model, LoraArithmetic.sum(summands), 1), draw(model, parts)))
                    .as("but for the order of additions")
                    .isLessThan(5e-5);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aBaseWithAdaptersBakedInDrawsWhatItDrawsWithThem(Base base) throws IOException {
        Path configs = base(base);
        List<Summand> summands;
        float[] expected;
        try (StableDiffusion model = StableDiffusion.load(configs)) {
            summands = List.of(
                    new Summand("a", adapters(model.source(), 1), 0.7),
                    new Summand("b", adapters(model.source(), 2), -0.4));
            List<WeightedLora> parts = new ArrayList<>();
            summands.forEach(part -> part.adapters().forEach(its -> parts.add(new WeightedLora(its, part.weight()))));
            expected = draw(model, parts);
        }
        ModelSource baked = BakedAdapters.bake(ModelSource.open(configs), summands, DType.F32);
        ModelWriter.diffusersFolder(baked, folder.resolve("baked"));
        ModelWriter.singleFile(baked, folder.resolve("baked.safetensors"));

        for (ModelSource written : List.of(
                ModelSource.open(folder.resolve("baked")),
                ModelSource.open(folder.resolve("baked.safetensors"), configs))) {
            try (StableDiffusion model = StableDiffusion.load(written, Precision.FP32)) {
                assertThat(Golden.relativeError(draw(model, List.of()), expected))
                        .as(written.path().toString())
                        .isLessThan(1e-5);
            }
        }
    }

    /** The base has float16: each weight is the float16 that is nearest to the sum. */
    @ParameterizedTest
    @EnumSource
    void aBakedWeightIsRoundedOnceAndTheOthersAreAsTheyWere(Base base) throws IOException {
        ModelSource model = ModelSource.open(base(base));
        List<Summand> summands =
                List.of(new Summand("a", adapters(model, 1), 0.7), new Summand("b", adapters(model, 2), -0.4));
        ModelSource kept = BakedAdapters.bake(model, summands, null);
        ModelSource exact = BakedAdapters.bake(model, summands, DType.F32);
        for (String component : Stream.of("unet", "text_encoder", "text_encoder_2", "vae")
                .filter(model::has)
                .toList()) {
            TensorSource before = model.weights(component);
            int changed = 0;
            for (String name : before.names()) {
                TensorData half = kept.weights(component).read(name);
                assertThat(half.info()).isEqualTo(before.info(name));
                if (!half.bytes().equals(before.read(name).bytes())) {
                    changed++;
                    float[] sum = exact.weights(component).read(name).toFloats();
                    assertThat(half.bytes())
                            .isEqualTo(TensorData.halfOf(sum, half.info().dimensions())
                                    .bytes());
                }
            }
            assertThat(changed).as(component).isEqualTo(component.equals("vae") ? 0 : adapted(summands, component));
        }
    }

    private static int adapted(List<Summand> summands, String component) {
        return summands.get(0).adapters().stream()
                .filter(adapter -> adapter.component().folder().equals(component))
                .mapToInt(adapter -> adapter.modules().size())
                .sum();
    }

    /** Of every fourth layer that can have a pair. */
    private static List<LoraWeights> adapters(ModelSource model, long seed) {
        Random random = new Random(seed);
        List<LoraWeights> adapters = new ArrayList<>();
        for (Component component : Component.values()) {
            if (model.has(component.folder())) {
                TensorSource weights = model.weights(component.folder());
                Map<String, LoraPair> pairs = new TreeMap<>();
                List<String> layers = weights.names().stream()
                        .filter(
                                name -> name.matches(
                                        ".*(attn1\\.to_|attn2\\.to_|proj_in|resnets.*conv|time_emb_proj|_proj|mlp\\.fc).*weight"))
                        .sorted()
                        .toList();
                for (int i = 0; i < layers.size(); i += 4) {
                    String layer = layers.get(i);
                    pairs.put(
                            layer.substring(0, layer.length() - ".weight".length()),
                            pair(weights.info(layer).dimensions(), random));
                }
                adapters.add(LoraWeights.of(component, pairs));
            }
        }
        return adapters;
    }

    private static LoraPair pair(long[] shape, Random random) {
        int rank = 1 + random.nextInt(4);
        long[] down = shape.clone();
        down[0] = rank;
        long[] up = shape.length == 2 ? new long[] {shape[0], rank} : new long[] {shape[0], rank, 1, 1};
        return new LoraPair(values(down, random), down, values(up, random), up, 1 + random.nextInt(8));
    }

    private static float[] values(long[] shape, Random random) {
        int size = 1;
        for (long length : shape) {
            size *= (int) length;
        }
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) (0.02 * random.nextGaussian());
        }
        return values;
    }

    private static float[] draw(StableDiffusion model, Collection<LoraWeights> adapters, double weight) {
        return draw(
                model,
                adapters.stream()
                        .map(adapter -> new WeightedLora(adapter, weight))
                        .toList());
    }

    private static float[] draw(StableDiffusion model, List<WeightedLora> adapters) {
        int size = 8 * model.vaeConfig().factor();
        GenerationRequest request =
                new GenerationRequest("a photo of sks dog", "blurry", 3, 3, 5, size, size, Sampler.Kind.DDIM);
        try (NDManager scope = model.manager().newSubManager();
                AdaptedModel adapted = model.adapted(adapters)) {
            NDArray latent = TextToImage.latents(scope, model, adapted, List.of(request), step -> {});
            return TextToImage.decode(scope, model, latent).toFloatArray();
        }
    }
}
