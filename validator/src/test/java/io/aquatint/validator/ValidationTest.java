package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.WeightedLora;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.ValidationLoss;
import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.Sample;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.ValidationScored;
import io.aquatint.runtime.kafka.Failure;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ValidationTest {
    private static final String ID = "cups/1";

    @TempDir
    private static Path work;

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final TrainingSpec spec = DemoTraining.spec("");
    private DemoTraining training;
    private Validation validation;
    private List<ManifestImage> heldOut;
    private List<ManifestImage> subset;

    @BeforeEach
    void plant() {
        training = new DemoTraining(store, work, ID);
        validation = new Validation(store, work);
        heldOut = List.of(training.picture(1));
        subset = List.of(training.picture(2));
    }

    @AfterEach
    void close() {
        validation.close();
    }

    @Test
    void scoresAreValidationLossesRelativeToTheBaseModel() throws IOException {
        heldOut = List.of(training.picture(1), training.picture(3), training.picture(4));
        Evaluation base = start();
        CheckpointSaved saved = training.checkpoint(100);
        ValidationScored score = evaluate(saved).scored();

        Path adapter = Files.createTempFile(work, "expected", ".safetensors");
        store.download(saved.objectKey(), adapter);
        try (StableDiffusion model = StableDiffusion.load(new BaseModels(work).path(BaseModels.DEMO))) {
            var before = ValidationLoss.evaluate(model, null, examples(heldOut));
            var after = ValidationLoss.evaluate(model, LoraFormats.read(adapter), examples(heldOut));
            SortedMap<Integer, Double> subsetAfter =
                    ValidationLoss.evaluate(model, LoraFormats.read(adapter), examples(subset));
            assertThat(base.scored().heldOutLosses()).isEqualTo(before);
            assertThat(score.heldOutLosses()).isEqualTo(after);
            assertThat(score.trainSubsetLosses()).isEqualTo(subsetAfter);
            assertThat(score.heldOut())
                    .isEqualTo(ValidationLoss.relative(after, before))
                    .isNotEqualTo(1);
        }
    }

    @Test
    void theBaseModelScoresOneAndItsSamplesAreFixedByTheirSeeds() throws IOException {
        Evaluation base = start();
        assertThat(base.scored().heldOut()).isEqualTo(1);
        assertThat(base.scored().trainSubset()).isEqualTo(1);
        assertThat(base.alerts()).isEmpty();
        assertThat(base.samples()).extracting(Sample::seed).containsExactly(42L, 43L);
        assertThat(base.samples())
                .extracting(Sample::prompt)
                .containsExactly("a photo of sks cup", "a photo of sks cup on a beach");
        assertThat(base.samples())
                .extracting(Sample::objectKey)
                .containsExactly("trainings/cups/1/samples/000000/0.png", "trainings/cups/1/samples/000000/1.png");
        Picture picture = Picture.decode(store.get(base.samples().get(0).objectKey()));
        assertThat(picture.width()).isEqualTo(64);
    }

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
    void anAdapterThatSpoilsTheModelIsCriticalAndTheTrainingIsStoppedOnce() throws IOException {
        start();
        Evaluation first = evaluate(training.worse(100));
        assertThat(first.alerts())
                .extracting(OverfittingAlert::rule)
                .containsExactly(AlertRule.VALIDATION_LOSS_ABOVE_START);
        assertThat(first.alerts()).extracting(OverfittingAlert::level).containsExactly(AlertLevel.CRITICAL);
        assertThat(first.command()).hasValueSatisfying(command -> {
            assertThat(command.id()).isEqualTo("training.stop:cups/1");
            assertThat(command.data().trainingId()).isEqualTo(ID);
        });
        assertThat(evaluate(training.worse(100)).command()).isEqualTo(first.command());

        Evaluation second = evaluate(training.worse(200));
        assertThat(second.alerts()).isNotEmpty();
        assertThat(second.command()).isEmpty();
    }

    @Test
    void nothingIsStoppedWhereTheSpecForbidsItOrNoStepIsLeft() throws IOException {
        validation.on(training.started(heldOut, subset, DemoTraining.spec(", \"stopEarly\": false")));
        Evaluation kept = evaluate(training.worse(100));
        assertThat(kept.alerts()).isNotEmpty();
        assertThat(kept.command()).isEmpty();

        training = new DemoTraining(store, work, "cups/2");
        validation.on(training.started(heldOut, subset, spec));
        Evaluation last = evaluate(training.worse(300));
        assertThat(last.alerts()).isNotEmpty();
        assertThat(last.command()).isEmpty();
    }

    @Test
    void aDivergedAdapterIsToldOfInNumbersThatJsonKnows() throws IOException {
        start();
        Evaluation diverged = evaluate(training.diverged(100));
        assertThat(diverged.alerts()).extracting(OverfittingAlert::rule).containsExactly(AlertRule.LOSS_NOT_FINITE);
        assertThat(diverged.command()).isPresent();
        assertThat(diverged.scored().heldOut()).isEqualTo(Double.MAX_VALUE);
        diverged.events().forEach(event -> assertThat(new String(EventJson.write(event.data()), StandardCharsets.UTF_8))
                .doesNotContain("NaN")
                .doesNotContain("Infinity"));
        // and the step is not taken for one that was good
        assertThat(evaluate(training.worse(200)).alerts())
                .singleElement()
                .satisfies(alert -> assertThat(alert.bestStep()).isZero());
    }

    @Test
    void aSampleThatIsATrainingPictureIsACopy() throws IOException {
        start();
        CheckpointSaved saved = training.checkpoint(100);
        byte[] sample = store.get(evaluate(saved).samples().get(1).objectKey());

        training = new DemoTraining(store, work, "cups/2");
        List<ManifestImage> images = List.of(subset.get(0), training.picture(sample));
        validation.on(new TrainingRequested("cups/2", "cups", 2, spec, images, heldOut));
        assertThat(validation.on(training.started(heldOut, subset, spec)).get(0).alerts())
                .isEmpty();
        Evaluation copied = evaluate(training.checkpoint(100));
        assertThat(copied.alerts())
                .filteredOn(alert -> alert.rule() == AlertRule.COPY)
                .singleElement()
                .satisfies(alert -> {
                    assertThat(alert.value()).isZero();
                    assertThat(alert.detail())
                            .contains("samples/000100/1.png")
                            .contains(images.get(1).sha256());
                });
        assertThat(copied.command()).isPresent();
    }

    @Test
    void withoutHeldOutPicturesThereIsNoVerdictOnV() throws IOException {
        heldOut = List.of();
        start();
        Evaluation evaluation = evaluate(training.worse(100));
        assertThat(evaluation.scored().heldOutLosses()).isEmpty();
        assertThat(evaluation.scored().heldOut()).isEqualTo(1);
        assertThat(evaluation.scored().trainSubset()).isLessThan(1);
        assertThat(evaluation.alerts()).isEmpty();
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
    void aWordIsAskedForByItself() throws IOException {
        TrainingSpec word = DemoTraining.spec(", \"method\": \"TEXTUAL_INVERSION\"");
        Evaluation base = validation.on(training.started(heldOut, subset, word)).get(0);
        Evaluation learned = evaluate(training.word(100, "<sks>"));

        assertThat(base.samples())
                .extracting(Sample::prompt)
                .containsExactly("a photo of <sks>", "a photo of <sks> on a beach");
        assertThat(learned.scored().heldOut()).isNotEqualTo(1);
        assertThat(learned.samples().get(0).sha256())
                .isNotEqualTo(base.samples().get(0).sha256());
    }

    @Test
    void wholeNetworksTakeThePlaceOfTheBaseModels() throws IOException {
        TrainingSpec full = DemoTraining.spec(", \"method\": \"FULL\"");
        Evaluation base = validation.on(training.started(heldOut, subset, full)).get(0);
        Evaluation learned = evaluate(training.networks(100));

        assertThat(learned.scored().heldOut()).isNotEqualTo(1);
        assertThat(learned.samples().get(0).sha256())
                .isNotEqualTo(base.samples().get(0).sha256());
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

    private Evaluation start() throws IOException {
        return validation.on(training.started(heldOut, subset, spec)).get(0);
    }

    private Evaluation evaluate(CheckpointSaved saved) throws IOException {
        List<Evaluation> found = validation.on(saved);
        return found.get(found.size() - 1);
    }

    private List<String> published(TrainingStarted started, CheckpointSaved saved) throws IOException {
        return Stream.concat(validation.on(started).stream(), validation.on(saved).stream())
                .flatMap(evaluation -> evaluation.events().stream())
                .map(ValidationTest::line)
                .toList();
    }

    private static String line(Event<?> event) {
        return event.id() + event.time() + new String(EventJson.write(event.data()), StandardCharsets.UTF_8);
    }

    private List<TrainingExample> examples(List<ManifestImage> images) {
        return images.stream()
                .map(image -> new TrainingExample(
                        image.sha256(), Picture.decode(store.get(image.objectKey())), image.caption()))
                .toList();
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
