package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.FailureReason;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of a training that cannot go on. */
class TrainingJobFailureTest extends TrainingJobFixture {
    @Test
    void aPictureThatIsMissingIsNamed() {
        ManifestImage second = request(4).images().get(1);
        memory.delete(second.objectKey());

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.IMAGE_MISSING);
        assertThat(failed.detail()).contains(second.sha256()).contains(second.objectKey());
        assertThat(failed.willRetry()).isFalse();
        assertThat(failed.attempt()).isEqualTo(1);
        assertThat(of(TrainingStarted.class)).isEmpty();
    }

    @Test
    void aPictureWithOtherBytesThanTheManifestSaysIsRefused() {
        ManifestImage first = request(4).images().get(0);
        memory.put(first.objectKey(), memory.get(request(4).images().get(1).objectKey()), "image/png");

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.IMAGE_MISSING);
        assertThat(only(TrainingFailed.class).detail()).contains("has the SHA-256");
    }

    @Test
    void aTrainingThatDivergesFailsForGood() {
        TrainingSpec spec = spec(Map.of("steps", 40, "alpha", 1e30, "learningRate", 0.9));

        assertThat(run(request(spec))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.NOT_A_NUMBER);
        assertThat(only(TrainingFailed.class).detail()).contains("lower the learning rate");
        assertThat(types()).endsWith("training.failed");
    }

    @Test
    void whateverIsWrongWithTheSpecIsSaidAtOnce() {
        TrainingSpec spec = spec(Map.of("steps", 0, "rank", 0, "optimizer", "sgd"));

        assertThat(run(request(spec))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(failed.detail()).contains("steps is 0").contains("rank is 0").contains("sgd");
        assertThat(failed.willRetry()).isFalse();
        assertThat(types()).containsExactly("training.failed");
    }

    @Test
    void aNameThatCouldLeadToOtherKeysIsRefused() {
        TrainingRequested good = request(2);
        for (String dataset : List.of("../mugs", "mugs/1", "Mugs", "")) {
            assertThat(run(new TrainingRequested(
                            dataset + "/1", dataset, 1, good.spec(), good.images(), good.heldOut())))
                    .isEqualTo(TrainingJob.End.FAILED);
        }
        assertThat(run(new TrainingRequested("cups/1", "mugs", 1, good.spec(), good.images(), good.heldOut())))
                .isEqualTo(TrainingJob.End.FAILED);

        assertThat(of(TrainingFailed.class))
                .hasSize(5)
                .allMatch(failed -> failed.reason() == FailureReason.BAD_SPEC)
                .allMatch(failed -> failed.detail().contains("DATASET/BATCH"));
        assertThat(memory.list("trainings/")).isEmpty();
    }

    @Test
    void aTargetThatNamesNoLayerIsWrongInTheSpec() {
        assertThat(run(request(spec(Map.of("targetModules", List.of("to_x")))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(only(TrainingFailed.class).detail()).contains("'to_x'");
    }

    @Test
    void aResolutionThatThePicturesDoNotHaveIsWrongInTheSpec() {
        assertThat(run(request(spec(Map.of("resolution", 128))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(only(TrainingFailed.class).detail())
                .contains("resolution is 128")
                .contains("64 x 64");
    }

    @Test
    void aBaseModelThatNobodyHasIsNamed() {
        assertThat(run(request(spec(Map.of("baseModel", "/no/such/model"))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BASE_MODEL_MISSING);
        assertThat(only(TrainingFailed.class).detail()).contains("/no/such/model");
    }

    @Test
    void aBaseModelThatIsNotSupportedIsNamed() throws IOException {
        Path other = Files.createDirectories(work.resolve("other"));
        Files.writeString(other.resolve("model_index.json"), "{\"_class_name\": \"FluxPipeline\"}");

        assertThat(run(request(spec(Map.of("baseModel", other.toString()))))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.UNSUPPORTED_MODEL);
        assertThat(only(TrainingFailed.class).detail()).contains("FluxPipeline");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aStoreThatDoesNotAnswerIsTriedAgainUntilTheAttemptsAreUsedUp(boolean meanwhile) {
        uploads = meanwhile ? task -> new Thread(task).start() : uploads;
        store = failing(key -> key.endsWith("state.safetensors"));

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED);

        List<TrainingFailed> failed = of(TrainingFailed.class);
        assertThat(failed)
                .extracting(TrainingFailed::reason)
                .containsExactly(
                        FailureReason.UNAVAILABLE, FailureReason.UNAVAILABLE, FailureReason.DELIVERIES_EXHAUSTED);
        assertThat(failed).extracting(TrainingFailed::willRetry).containsExactly(true, true, false);
        assertThat(failed).extracting(TrainingFailed::attempt).containsExactly(1, 2, 3);
        assertThat(failed.get(2).detail()).contains("attempt 3 of 3").contains("state.safetensors");
    }

    @Test
    void whoeverRequestsAFailedTrainingAgainBeginsWithNewAttempts() {
        store = failing(key -> key.endsWith("state.safetensors"));
        run(request(2));
        run(request(2));
        run(request(2));
        store = memory;

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED);
    }

    @Test
    void aTrainingWhoseTrainersAllDiedIsGivenUp() {
        for (int i = 0; i < 3; i++) {
            Epoch.claim(memory, KEYS, "dead", NOON);
        }

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.DELIVERIES_EXHAUSTED);
        assertThat(failed.detail()).contains("begun 3 times");
        assertThat(failed.willRetry()).isFalse();
        assertThat(types()).containsExactly("training.failed");
    }

    @Test
    void aStoreThatWasNeverReachedCountsTheDeliveries() {
        store = failing(key -> key.endsWith("claim.json"));

        assertThat(run(request(2), 2)).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2), 3)).isEqualTo(TrainingJob.End.FAILED);

        assertThat(of(TrainingFailed.class)).extracting(TrainingFailed::attempt).containsExactly(2, 3);
    }

    @Test
    void aFaultOfOursIsToldAndTheTrainerGoesOn() {
        onEvent = event -> {
            if (event instanceof TrainingStarted started && started.epoch() == 1) {
                throw new OutOfThisWorld();
            }
        };

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.INTERNAL);
        assertThat(only(TrainingFailed.class).detail()).contains("OutOfThisWorld");

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED);
    }

    @Test
    void aStoreThatFailsWhileTheTrainerIsToEndMakesNoFailure() {
        onEvent = event -> leaveOff |= event instanceof TrainingProgress;
        store = failing(key -> key.endsWith("state.safetensors"));

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.HANDED_BACK);
        assertThat(of(TrainingFailed.class)).isEmpty();
    }
}
