package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.WeightedLora;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.kafka.Failure;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Events that come again, late or broken, and a validation that ends in between. */
class RepeatedValidationTest extends ValidationFixture {
    @Test
    void anEventThatComesTwiceGivesTheSameEventsAlsoAfterARestart() throws IOException {
        TrainingStarted started = training.started(heldOut, subset, spec);
        CheckpointSaved saved = training.checkpoint(100);
        List<String> once = published(started, saved);
        assertThat(published(started, saved)).isEqualTo(once);
        validation.close();
        validation = new Validation(store, work);
        assertThat(published(started, saved)).isEqualTo(once);
        assertThat(once)
                .anySatisfy(line -> assertThat(line).contains("samples.generated:cups/1:100"))
                .last()
                .asString()
                .contains("validation.scored:cups/1:100");
    }

    @Test
    void aLaterTrainersCheckpointOfTheSameStepIsEvaluatedAndAnEarlierOnesIsNot() throws IOException {
        start();
        CheckpointSaved first = training.checkpoint(100);
        Evaluation of1 = evaluate(first);
        CheckpointSaved other = training.checkpoint(100, 5, 0.4);
        CheckpointSaved second = new CheckpointSaved(
                ID, 100, 2, other.objectKey(), other.sha256(), other.bytes(), other.stateKey(), other.loss());
        Evaluation of2 = evaluate(second);
        assertThat(of2.scored().heldOutLosses()).isNotEqualTo(of1.scored().heldOutLosses());
        assertThat(evaluate(first)).isEqualTo(of2);
    }

    @Test
    void theBaseModelIsEvaluatedWithTheFirstCheckpointWhereItWasNotBefore() throws IOException {
        TrainingStarted started = training.started(heldOut, subset, spec);
        TrainingStarted resumed =
                new TrainingStarted(ID, "cups", 1, spec, 100, started.steps(), 2, "w", "cpu", 4, heldOut, subset);
        assertThat(validation.on(resumed)).isEmpty();
        assertThat(validation.on(training.checkpoint(200)))
                .extracting(Evaluation::step)
                .containsExactly(0, 200);
        assertThat(validation.on(training.checkpoint(300)))
                .extracting(Evaluation::step)
                .containsExactly(300);
    }

    @Test
    void aMissingOrBrokenAdapterIsAFailureOfItsEventAlone() throws IOException {
        start();
        CheckpointSaved saved = training.checkpoint(100);
        store.put(saved.objectKey(), new byte[] {1, 2, 3}, "application/octet-stream");
        assertThatThrownBy(() -> validation.on(saved))
                .isInstanceOf(PermanentException.class)
                .hasMessageContaining("SHA-256");

        byte[] noTensors = "no tensors at all".getBytes(StandardCharsets.UTF_8);
        String key = "trainings/cups/1/broken";
        store.put(key, noTensors, "application/octet-stream");
        CheckpointSaved broken = new CheckpointSaved(ID, 100, 1, key, Sha256.of(noTensors), noTensors.length, "s", 0.1);
        assertThatThrownBy(() -> validation.on(broken)).isInstanceOf(PermanentException.class);

        store.delete(saved.objectKey());
        assertThatThrownBy(() -> validation.on(saved))
                .isInstanceOf(ObjectMissingException.class)
                .satisfies(thrown -> assertThat(Failure.of(thrown)).isEqualTo(Failure.PERMANENT));

        assertThat(evaluate(training.checkpoint(100)).step()).isEqualTo(100);
    }

    @Test
    void aCheckpointOfATrainingThatNeverStartedIsRefused() throws IOException {
        CheckpointSaved saved = training.checkpoint(100);
        assertThatThrownBy(() -> validation.on(saved))
                .isInstanceOf(PermanentException.class)
                .hasMessageContaining("training.started");
    }

    @Test
    void aNameThatIsNoTrainingsIsRefusedBeforeItBecomesAKey() {
        for (String id : List.of("../../images/1", "cups", "Cups/1", "cups/1/x")) {
            TrainingStarted started =
                    new TrainingStarted(id, "cups", 1, spec, 0, 300, 1, "w", "cpu", 4, heldOut, subset);
            assertThatThrownBy(() -> validation.on(started))
                    .isInstanceOf(PermanentException.class)
                    .hasMessageContaining(id);
        }
    }

    @Test
    void aClosedValidationLeavesTheEventToTheNextStart() throws IOException {
        TrainingStarted started = training.started(heldOut, subset, spec);
        validation.close();
        assertThatThrownBy(() -> validation.on(started))
                .isInstanceOf(InterruptedIOException.class)
                .satisfies(thrown -> assertThat(Failure.of(thrown)).isEqualTo(Failure.TRANSIENT));
    }

    @Test
    void closingEndsAnEvaluationBetweenTwoSamples() throws IOException {
        String four = ", \"samplePrompts\": [\"a\", \"b\", \"c\", \"d\"]";
        TrainingStarted started = training.started(heldOut, subset, DemoTraining.spec(four));
        try (StableDiffusion model = StableDiffusion.load(new BaseModels(work).path(BaseModels.DEMO))) {
            String prefix = "trainings/cups/1/samples/";
            Evaluator evaluator = new Evaluator(
                    store, model, started, List.of(), () -> store.list(prefix).size() == 2);
            assertThatThrownBy(evaluator::ofBase).isInstanceOf(InterruptedIOException.class);
            assertThat(store.list(prefix)).hasSize(2);
        }
    }

    @Test
    void nativeMemoryIsFlatFromCheckpointToCheckpoint() throws IOException {
        TrainingStarted started = training.started(heldOut, subset, spec);
        try (StableDiffusion model = StableDiffusion.load(new BaseModels(work).path(BaseModels.DEMO))) {
            Evaluator evaluator = new Evaluator(store, model, started, subset, () -> false);
            List<Evaluation> before = List.of(evaluator.ofBase());
            int arrays = model.manager().getManagedArrays().size();
            for (int step = 100; step <= 300; step += 100) {
                Path adapter = work.resolve("flat.safetensors");
                CheckpointSaved saved = training.checkpoint(step);
                store.download(saved.objectKey(), adapter);
                evaluator.of(saved, Adaptation.of(List.of(new WeightedLora(LoraFormats.read(adapter), 1))), before);
                model.keepOnly(Set.of("unet", "vae", "text_encoder")); // lets go of what is kept for the next adapter
                assertThat(model.manager().getManagedArrays()).hasSize(arrays);
            }
        }
    }

    @Test
    void aSizeThatTheModelCannotTakeIsAFailureOfItsEventAlone() throws IOException {
        ManifestImage odd = training.picture(new Picture(2, 2, new byte[3 * 2 * 2]).toPng());
        TrainingStarted started = training.started(List.of(odd), List.of(odd), spec);
        assertThatThrownBy(() -> validation.on(started))
                .isInstanceOf(PermanentException.class)
                .hasMessageContaining("cups/1 cannot be evaluated");
    }

    /** Kept so that a change of the keys is noticed: others read these objects. */
    @Test
    void theKeysAreThoseOfTheContract() {
        ValidationKeys keys = new ValidationKeys(ID);
        assertThat(Map.of(
                        "started", keys.started(),
                        "evaluation", keys.evaluation(100),
                        "sample", keys.sample(100, 1)))
                .containsEntry("started", "trainings/cups/1/validation/started.json")
                .containsEntry("evaluation", "trainings/cups/1/validation/000100.json")
                .containsEntry("sample", "trainings/cups/1/samples/000100/1.png");
        assertThat(keys.stepOf(keys.evaluation(1_000_000))).hasValue(1_000_000);
        assertThat(keys.stepOf(keys.started())).isEmpty();
    }
}
