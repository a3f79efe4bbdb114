package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.ValidationLoss;
import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.Sample;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.ValidationScored;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.junit.jupiter.api.Test;

/** What is found of a checkpoint. */
class ValidationTest extends ValidationFixture {
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
        assertThat(diverged.samples()).as("pictures of what is no number").isEmpty();
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
}
