package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.BaseNDManager;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraTrainingTest {
    private static final LoraConfig LORA = new LoraConfig(4, 4, LoraConfig.ATTENTION);

    @TempDir
    static Path folder;

    private static StableDiffusion model;

    @BeforeAll
    static void createModel() {
        BaseModelInitializer.create(folder.resolve("base"), 1);
        model = StableDiffusion.load(folder.resolve("base"));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @Test
    void aTrainingResumedFromItsStateGoesOnAsIfNeverStopped() {
        List<LoraTraining.StepResult> whole = new ArrayList<>();
        LoraWeights wholeAdapter;
        try (LoraTraining training = LoraTraining.start(model, LORA, config(8, 1e-3), examples())) {
            while (!training.done()) {
                whole.add(training.step());
            }
            wholeAdapter = training.adapter();
        }

        List<LoraTraining.StepResult> parts = new ArrayList<>();
        Path state = folder.resolve("state.safetensors");
        try (LoraTraining training = LoraTraining.start(model, LORA, config(8, 1e-3), examples())) {
            for (int i = 0; i < 3; i++) {
                parts.add(training.step());
            }
            training.saveState(state);
        }
        LoraWeights resumedAdapter;
        try (LoraTraining training = LoraTraining.resume(model, LORA, config(8, 1e-3), examples(), state)) {
            assertThat(training.stepsDone()).isEqualTo(3);
            while (!training.done()) {
                parts.add(training.step());
            }
            resumedAdapter = training.adapter();
        }

        assertThat(parts).isEqualTo(whole);
        wholeAdapter.modules().forEach((module, pair) -> {
            LoraPair resumed = resumedAdapter.modules().get(module);
            assertThat(resumed).as(module).isNotNull();
            assertThat(resumed.down()).as(module).isEqualTo(pair.down());
            assertThat(resumed.up()).as(module).isEqualTo(pair.up());
        });
    }

    @Test
    void theLossOfAFewPicturesGoesDown() {
        try (LoraTraining training = LoraTraining.start(model, LORA, config(60, 5e-3), examples())) {
            double early = 0;
            double late = 0;
            while (!training.done()) {
                LoraTraining.StepResult result = training.step();
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
        int withoutTraining = liveArrays();
        try (LoraTraining training = LoraTraining.start(model, LORA, config(105, 1e-4), examples())) {
            for (int i = 0; i < 5; i++) {
                training.step();
            }
            int before = liveArrays();
            assertThat(before).as("the training's own arrays are counted too").isGreaterThan(withoutTraining);
            for (int i = 0; i < 100; i++) {
                training.step();
            }
            assertThat(liveArrays()).isEqualTo(before);
        }
        assertThat(liveArrays()).isEqualTo(withoutTraining);
    }

    @Test
    void aStepThatDivergesLeavesTheAdapterAsItWas() {
        TrainingConfig wild = config(40, 0.9);
        try (LoraTraining training =
                LoraTraining.start(model, new LoraConfig(4, 1e30, LoraConfig.ATTENTION), wild, examples())) {
            assertThatThrownBy(() -> {
                        while (!training.done()) {
                            training.step();
                        }
                    })
                    .isInstanceOf(TrainingDivergedException.class)
                    .hasMessageContaining("lower the learning rate");
            training.adapter().modules().values().forEach(pair -> {
                for (float number : pair.up()) {
                    assertThat(Float.isFinite(number)).isTrue();
                }
            });
        }
    }

    @Test
    void aStateOfOtherSettingsIsRefused() {
        Path state = folder.resolve("other.safetensors");
        try (LoraTraining training = LoraTraining.start(model, LORA, config(4, 1e-3), examples())) {
            training.saveState(state);
        }

        assertThatThrownBy(() -> LoraTraining.resume(model, LORA, config(5, 1e-3), examples(), state))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("steps=4")
                .hasMessageContaining("steps=5");
    }

    @Test
    void picturesOfDifferentSizesAreRefused() {
        List<TrainingExample> examples = new ArrayList<>(examples());
        examples.add(new TrainingExample("odd", new Picture(32, 64, new byte[3 * 32 * 64]), "odd"));

        assertThatThrownBy(() -> LoraTraining.start(model, LORA, config(1, 1e-3), examples))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("odd is 32 x 64");
    }

    @Test
    void aTargetThatNamesNoLayerIsRefusedByName() {
        LoraConfig typo = new LoraConfig(4, 4, List.of("to_q", "to_x"));

        assertThatThrownBy(() -> LoraTraining.start(model, typo, config(1, 1e-3), examples()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'to_x'");
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
        return new TrainingConfig(steps, 2, learningRate, "constant", 0, OptimizerConfig.DEFAULT, 7, null);
    }

    private static List<TrainingExample> examples() {
        List<TrainingExample> examples = new ArrayList<>();
        Random random = new Random(5);
        for (int i = 0; i < 3; i++) {
            byte[] rgb = new byte[3 * 64 * 64];
            random.nextBytes(rgb);
            examples.add(new TrainingExample("picture-" + i, new Picture(64, 64, rgb), "a photo of sks number " + i));
        }
        return examples;
    }
}
