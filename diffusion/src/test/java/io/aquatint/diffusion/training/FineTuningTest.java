package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.BaseNDManager;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.initializer.ModelDesign;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingConfig.Augmentation;
import io.aquatint.diffusion.training.TrainingConfig.LearningRate;
import io.aquatint.diffusion.training.TrainingConfig.Loss;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FineTuningTest {
    private static final TrainingMethod LORA =
            new TrainingMethod.Lora(new LoraConfig(4, 4, LoraConfig.ATTENTION), false);

    /** Every kind of layer once. */
    private static final ModelDesign DESIGN = new ModelDesign(
            64,
            List.of(32, 64),
            List.of(8, 8),
            1,
            32,
            false,
            List.of(32, 32, 64, 64),
            1,
            32,
            4.8,
            64,
            2,
            4,
            77,
            "scaled_linear",
            0.00085,
            0.012,
            "epsilon");

    @TempDir
    static Path folder;

    private static StableDiffusion model;

    /** Methods and settings that have a state of their own to be lost. */
    @SuppressWarnings("ImmutableEnumChecker") // records of what does not change
    enum Training {
        LORA(FineTuningTest.LORA, config(8, 1e-3), TrainingSet.of(examples())),
        LORA_WITH_TEXT_ENCODER(
                new TrainingMethod.Lora(new LoraConfig(2, 4, LoraConfig.ATTENTION), true),
                config(6, 1e-3).withLoss(new Loss(5.0, 1)).withAugmentation(new Augmentation(0.1, 0.5, true)),
                TrainingSet.of(examples())),
        LORA_IN_BUCKETS_WITH_CLASS_IMAGES(
                FineTuningTest.LORA,
                config(6, 1e-3).withAccumulation(2),
                new TrainingSet(
                        List.of(picture("wide", 128, 64), picture("square", 64, 64), picture("high", 64, 96)),
                        List.of(
                                picture("high class", 64, 96),
                                picture("wide class", 128, 64),
                                picture("class", 64, 64),
                                picture("another", 64, 64)))),
        LORA_IN_EIGHT_BITS(
                FineTuningTest.LORA,
                config(6, 1e-3)
                        .withOptimizer(OptimizerConfig.DEFAULT.withKind(OptimizerConfig.Kind.ADAMW_8BIT))
                        .withLearningRate(new LearningRate(1e-3, "cosine_with_restarts", 2, 2)),
                TrainingSet.of(examples())),
        DREAMBOOTH(
                new TrainingMethod.FullFineTuning(true, null),
                config(4, 1e-5),
                new TrainingSet(examples(), List.of(picture("class", 64, 64)))),
        FULL_WITH_AVERAGE(new TrainingMethod.FullFineTuning(false, 0.99), config(4, 1e-5), TrainingSet.of(examples())),
        TEXTUAL_INVERSION(
                new TrainingMethod.TextualInversion("<mine>", 2, "a", TrainingMethod.Templates.OBJECT),
                config(6, 5e-3),
                TrainingSet.of(examples()));

        private final TrainingMethod method;
        private final TrainingConfig config;
        private final TrainingSet set;

        Training(TrainingMethod method, TrainingConfig config, TrainingSet set) {
            this.method = method;
            this.config = config;
            this.set = set;
        }

        FineTuning start() {
            return FineTuning.start(model, method, config, set);
        }

        FineTuning resume(Path state) {
            return FineTuning.resume(model, method, config, set, state);
        }
    }

    @BeforeAll
    static void createModel() {
        BaseModelInitializer.create(folder.resolve("base"), DESIGN, List.of("photo", "picture", "word"), 1);
        model = StableDiffusion.load(folder.resolve("base"));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @ParameterizedTest
    @EnumSource
    void aTrainingResumedFromItsStateGoesOnAsIfNeverStopped(Training which) throws IOException {
        model.keepOnly(Set.of()); // this one is compiled; the others take what it leaves
        List<FineTuning.StepResult> whole = new ArrayList<>();
        Map<String, float[]> wholeResult;
        try (FineTuning training = which.start()) {
            while (!training.done()) {
                whole.add(training.step());
            }
            wholeResult = written(training);
        }

        List<FineTuning.StepResult> parts = new ArrayList<>();
        Path state = folder.resolve("state.safetensors");
        try (FineTuning training = which.start()) {
            for (int i = 0; i < 3; i++) {
                parts.add(training.step());
            }
            training.saveState(state);
        }
        Map<String, float[]> resumedResult;
        try (FineTuning training = which.resume(state)) {
            assertThat(training.stepsDone()).isEqualTo(3);
            while (!training.done()) {
                parts.add(training.step());
            }
            resumedResult = written(training);
        }

        assertThat(parts).isEqualTo(whole);
        assertThat(resumedResult.keySet()).isEqualTo(wholeResult.keySet());
        wholeResult.forEach(
                (name, values) -> assertThat(resumedResult.get(name)).as(name).isEqualTo(values));
    }

    @ParameterizedTest
    @EnumSource
    void whatATrainingWritesIsWhatItLearnedAndIsReadBack(Training which) throws IOException {
        Path first = Files.createTempDirectory(folder, "written");
        Map<String, float[]> before;
        try (FineTuning training = which.start()) {
            before = written(training);
            training.step();
            training.step();
            training.write(first, Map.of());
        }
        Map<String, float[]> after = read(first);
        assertThat(after.keySet()).isEqualTo(before.keySet());
        assertThat(after).anySatisfy((name, values) -> assertThat(values).isNotEqualTo(before.get(name)));

        try (FineTuning training = FineTuning.startFrom(model, which.method, which.config, which.set, first)) {
            written(training)
                    .forEach((name, values) -> assertThat(values).as(name).isEqualTo(after.get(name)));
        }
        try (var adapted = model.adapted(TrainedFiles.read(first))) {
            assertThat(adapted.textEncoders()).hasSameSizeAs(model.textEncoders());
        }
    }

    @ParameterizedTest
    @EnumSource
    void activationsThatAreComputedAgainGiveTheSameLossesAndGradients(Training which) {
        List<FineTuning.StepResult> kept = new ArrayList<>();
        List<FineTuning.StepResult> again = new ArrayList<>();
        TrainingConfig checkpointing = which.config.withGradientCheckpointing(true);
        try (FineTuning training = which.start();
                FineTuning other = FineTuning.start(model, which.method, checkpointing, which.set)) {
            for (int i = 0; i < 3; i++) {
                kept.add(training.step());
                again.add(other.step());
            }
        }
        assertThat(again.get(0).gradientNorm())
                .isCloseTo(
                        kept.get(0).gradientNorm(), within(1e-5f * kept.get(0).gradientNorm()));
        for (int i = 0; i < 3; i++) { // later gradients differ more: the deepest level has but one pixel to normalise
            assertThat(again.get(i).loss())
                    .isCloseTo(kept.get(i).loss(), within(1e-5f * kept.get(i).loss()));
        }
    }

    private static Map<String, float[]> written(FineTuning training) throws IOException {
        Path results = Files.createTempDirectory(folder, "results");
        training.write(results, Map.of());
        return read(results);
    }

    private static Map<String, float[]> read(Path results) throws IOException {
        Map<String, float[]> tensors = new TreeMap<>();
        try (Stream<Path> files = Files.walk(results)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".safetensors"))
                    .toList()) {
                TensorSource source = SafetensorsFile.open(file);
                source.names()
                        .forEach(name -> tensors.put(
                                results.relativize(file) + " " + name,
                                source.read(name).toFloats()));
            }
        }
        return tensors;
    }

    @Test
    void theLossOfAFewPicturesGoesDown() {
        try (FineTuning training = FineTuning.start(model, LORA, config(60, 5e-3), TrainingSet.of(examples()))) {
            double early = 0;
            double late = 0;
            while (!training.done()) {
                FineTuning.StepResult result = training.step();
                if (result.step() <= 20) {
                    early += result.loss();
                } else if (result.step() > 40) {
                    late += result.loss();
                }
            }
            assertThat(late).isLessThan(early);
        }
    }

    @Test
    void theNumberOfLiveNativeArraysIsFlatOverAHundredSteps() throws ReflectiveOperationException {
        assertFlat(LORA, config(105, 1e-4), 100);
    }

    @ParameterizedTest
    @EnumSource
    void theNumberOfLiveNativeArraysIsFlatWithEveryMethod(Training which) throws ReflectiveOperationException {
        assertFlat(which.method, config(7, 1e-5).withOptimizer(which.config.optimizer()), 5);
    }

    private static void assertFlat(TrainingMethod method, TrainingConfig config, int steps)
            throws ReflectiveOperationException {
        FineTuning.start(model, method, config, TrainingSet.of(examples())).close(); // lets go what it does not need
        int withoutTraining = liveArrays();
        try (FineTuning training = FineTuning.start(model, method, config, TrainingSet.of(examples()))) {
            training.step();
            training.step();
            int before = liveArrays();
            assertThat(before).as("the training's own arrays are counted too").isGreaterThan(withoutTraining);
            for (int i = 0; i < steps; i++) {
                training.step();
            }
            assertThat(liveArrays()).isEqualTo(before);
        }
        assertThat(liveArrays()).isEqualTo(withoutTraining);
    }

    @Test
    void aStepThatDivergesLeavesTheAdapterAsItWas() throws IOException {
        TrainingConfig wild = config(40, 0.9);
        TrainingMethod strong = new TrainingMethod.Lora(new LoraConfig(4, 1e30, LoraConfig.ATTENTION), false);
        try (FineTuning training = FineTuning.start(model, strong, wild, TrainingSet.of(examples()))) {
            assertThatThrownBy(() -> {
                        while (!training.done()) {
                            training.step();
                        }
                    })
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessageContaining("lower the learning rate");
            Path state = folder.resolve("diverged.safetensors");
            training.saveState(state);
            for (float number : SafetensorsFile.open(state).read("parameters").toFloats()) {
                assertThat(Float.isFinite(number)).isTrue();
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aModelWhoseWeightsAreNoNumbersIsToBlameAtTheFirstStep(Precision precision) {
        ModelSource base = ModelSource.open(folder.resolve("base"));
        TensorSource weights = base.weights("unet");
        Map<String, TensorData> tensors = new TreeMap<>();
        weights.names().forEach(name -> tensors.put(name, weights.read(name)));
        tensors.put("conv_out.bias", TensorData.of(new float[] {0, Float.NaN, 0, 0}, 4));
        Path spoiled = folder.resolve("spoiled-" + precision);
        SafetensorsWriter.write(spoiled, tensors, Map.of());

        try (StableDiffusion broken =
                        StableDiffusion.load(base.replacing(Map.of("unet", SafetensorsFile.open(spoiled))), precision);
                FineTuning training = FineTuning.start(broken, LORA, config(3, 1e-3), TrainingSet.of(examples()))) {
            assertThatThrownBy(training::step)
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessageContainingAll("step 1: the loss is NaN", "the weights that training began from");
        }
    }

    @Test
    void aStateOfOtherSettingsIsRefused() {
        Path state = folder.resolve("other.safetensors");
        TrainingSet set = TrainingSet.of(examples());
        try (FineTuning training = FineTuning.start(model, LORA, config(4, 1e-3), set)) {
            training.saveState(state);
        }

        assertThatThrownBy(() -> FineTuning.resume(model, LORA, config(5, 1e-3), set, state))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("steps=4")
                .hasMessageContaining("steps=5")
                .hasMessageNotContaining("weightDecay");
    }

    @Test
    void anAdapterOfOtherLayersIsNoStart() throws IOException {
        Path previous = Files.createTempDirectory(folder, "narrow");
        LoraWeights fits;
        try (FineTuning training = FineTuning.start(model, LORA, config(1, 1e-3), TrainingSet.of(examples()))) {
            training.write(previous, Map.of());
            fits = LoraFormats.read(previous.resolve(LoraFormats.DIFFUSERS_NAME));
        }
        Map<String, LoraPair> pairs = new TreeMap<>(fits.modules());
        String module = pairs.keySet().iterator().next();
        pairs.put(module, LoraPair.linear(4, 3, 5, new float[12], new float[20], 4));
        LoraFormats.writeDiffusers(
                previous.resolve(LoraFormats.DIFFUSERS_NAME), LoraWeights.of(Component.UNET, pairs), Map.of());

        assertThatThrownBy(
                        () -> FineTuning.startFrom(model, LORA, config(1, 1e-3), TrainingSet.of(examples()), previous))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining(previous.toString())
                .hasMessageContaining(module + " is for a layer of 3 to 5");
    }

    @Test
    void aPictureWhoseSidesTheAutoencoderDoesNotDivideIsRefusedByItsName() {
        TrainingSet set = TrainingSet.of(List.of(picture("odd", 60, 64)));

        assertThatThrownBy(() -> FineTuning.start(model, LORA, config(1, 1e-3), set))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("odd is 60 x 64");
    }

    @Test
    void classImagesOfAnotherSizeAreRefused() {
        assertThatThrownBy(() -> new TrainingSet(examples(), List.of(picture("class", 64, 128))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("64 x 64")
                .hasMessageContaining("64 x 128");
    }

    @Test
    void aTargetThatNamesNoLayerIsRefusedByName() {
        TrainingMethod typo = new TrainingMethod.Lora(new LoraConfig(4, 4, List.of("to_q", "to_x")), false);

        assertThatThrownBy(() -> FineTuning.start(model, typo, config(1, 1e-3), TrainingSet.of(examples())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'to_x'");
    }

    @Test
    void anInitializerOfSeveralTokensIsRefused() {
        TrainingMethod word =
                new TrainingMethod.TextualInversion("<mine>", 1, "two words", TrainingMethod.Templates.STYLE);

        assertThatThrownBy(() -> FineTuning.start(model, word, config(1, 1e-3), TrainingSet.of(examples())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'two words'")
                .hasMessageContaining("must be one");
    }

    private static int liveArrays() throws ReflectiveOperationException {
        return liveArrays(model.manager());
    }

    /** The arrays of a manager and of all managers below it. DJL tells only of its own. */
    private static int liveArrays(NDManager manager) throws ReflectiveOperationException {
        Field field = BaseNDManager.class.getDeclaredField("resources");
        field.setAccessible(true);
        int arrays = 0;
        for (Object resource : ((Map<?, ?>) field.get(manager)).values()) {
            arrays += resource instanceof NDManager below ? liveArrays(below) : 1;
        }
        return arrays;
    }

    private static TrainingConfig config(int steps, double learningRate) {
        return TrainingConfig.of(steps, learningRate, 7).withBatchSize(2);
    }

    private static List<TrainingExample> examples() {
        return List.of(picture("picture-0", 64, 64), picture("picture-1", 64, 64), picture("picture-2", 64, 64));
    }

    private static TrainingExample picture(String id, int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        new Random(id.hashCode()).nextBytes(rgb);
        return new TrainingExample(id, new Picture(width, height, rgb), "a photo of sks " + id);
    }
}
