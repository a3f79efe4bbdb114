package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingPlan.Learns;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingAdviceTest {
    private static final String CAPTION = "a photo of a SKS cup";

    @TempDir
    Path work;

    @Test
    void theUsualIsNotWarnedOf() {
        assertThat(rules(plan(Learns.ADAPTER, 1e-4, 1000, CAPTION, "sks"))).isEmpty();
        assertThat(rules(plan(Learns.NETWORKS, 5e-6, 800, CAPTION, "sks"))).isEmpty();
        assertThat(rules(plan(Learns.WORD, 5e-4, 3000, "", "<sks>"))).isEmpty();
        assertThat(rules(plan(Learns.ADAPTER, 1e-4, 1000, "a cup", null))).isEmpty();
    }

    @Test
    void whatIsAHighLearningRateDependsOnWhatLearns() {
        assertThat(rules(plan(Learns.ADAPTER, 1e-3, 1000, CAPTION, "sks"))).containsExactly("high-learning-rate");
        assertThat(rules(plan(Learns.NETWORKS, 1e-4, 800, CAPTION, "sks"))).containsExactly("high-learning-rate");
        assertThat(rules(plan(Learns.WORD, 1e-3, 3000, CAPTION, "<sks>"))).isEmpty();
        assertThat(rules(plan(Learns.WORD, 5e-3, 3000, CAPTION, "<sks>"))).containsExactly("high-learning-rate");
    }

    @Test
    void captionsAndTriggersAreLookedAt() {
        assertThat(rules(plan(Learns.ADAPTER, 1e-4, 1000, "a cup", "Dog")))
                .containsExactly("generic-trigger", "captions-without-trigger");
        assertThat(rules(plan(Learns.ADAPTER, 1e-4, 1000, " ", null))).containsExactly("no-captions");
        assertThat(rules(plan(Learns.ADAPTER, 1e-4, 1000, "sks " + "x".repeat(10_000), "sks")))
                .containsExactly("long-captions");
    }

    @Test
    void everythingElseThatSeldomWorksIsNamedWithWhatToDo() {
        var plan = new TrainingPlan(
                Learns.ADAPTER, 1e-4, 128, 1000, 4, Collections.nCopies(4, "sks"), "sks", 0, true, true);

        assertThat(rules(plan))
                .containsExactly(
                        "too-few-images", "too-many-steps", "high-rank", "no-prior-preservation", "no-validation");
        assertThat(TrainingAdvice.of(plan).get(1))
                .isEqualTo(
                        new TrainingAdvice(
                                "too-many-steps",
                                "each picture is seen 1000 times",
                                "Train for at most 400 steps with so few pictures, or give more: what is seen so often is learned by heart."));
        var unstopped =
                new TrainingPlan(Learns.ADAPTER, 1e-4, 16, 1000, 1, Collections.nCopies(9, "a"), null, 1, false, false);
        assertThat(rules(unstopped)).containsExactly("no-early-stop");
    }

    @Test
    void aModelIsHeldAgainstTheMachineAndThePictures() {
        try (StableDiffusion model = StableDiffusion.load(new BaseModels(work).path(BaseModels.DEMO))) {
            assertThat(TrainingAdvice.of(model, Precision.FP32, 64)).isEmpty();
            assertThat(TrainingAdvice.of(model, Precision.BF16, 512))
                    .extracting(TrainingAdvice::rule)
                    .containsExactly("half-precision-on-cpu", "unusual-resolution");
        }
    }

    private static TrainingPlan plan(
            Learns learns, double learningRate, int steps, String caption, @Nullable String trigger) {
        List<String> captions = Collections.nCopies(5, caption);
        return new TrainingPlan(learns, learningRate, 16, steps, 1, captions, trigger, 1, true, false);
    }

    private static List<String> rules(TrainingPlan plan) {
        return TrainingAdvice.of(plan).stream().map(TrainingAdvice::rule).toList();
    }
}
