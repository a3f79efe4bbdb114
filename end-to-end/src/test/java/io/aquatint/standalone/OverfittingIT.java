package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.Artifact;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.ModelReady;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.StopTraining;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.ValidationScored;
import io.aquatint.runtime.config.HttpConfig;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** From pictures that a model is taught far too hard to the alert, to the trainer that stops, to the model of the best checkpoint. */
@Timeout(180)
final class OverfittingIT {
    private static final String DATASET = "hard";
    private static final int STEPS = 100_000;

    @TempDir
    Path data;

    @Test
    void aTrainingThatMakesTheModelWorseIsStoppedAndItsBestCheckpointBecomesTheModel() throws Exception {
        try (var all = Standalone.start(StandaloneConfig.of(data, 0, 0, new HttpConfig("localhost", 0)));
                var alerts = Seen.of(all, Topics.VALIDATION_EVENTS, OverfittingAlert.class);
                var scores = Seen.of(all, Topics.VALIDATION_EVENTS, ValidationScored.class);
                var stops = Seen.of(all, Topics.TRAINING_COMMANDS, StopTraining.class);
                var saved = Seen.of(all, Topics.TRAINING_EVENTS, CheckpointSaved.class);
                var completed = Seen.of(all, Topics.TRAINING_EVENTS, TrainingCompleted.class);
                var ready = Seen.of(all, Topics.MODEL_EVENTS, ModelReady.class)) {
            send(all, "configure", new DatasetConfigured(DATASET, tooHard()));
            for (int i = 0; i < 5; i++) {
                send(all, "picture-" + i, picture(i));
            }
            send(all, "seal", new DatasetSealed(DATASET));

            ModelReady model = ready.await(1).get(0);

            TrainingCompleted last = completed.await(1).get(0);
            assertThat(stops.await(1)).extracting(StopTraining::trainingId).containsExactly("hard/1");
            assertThat(last.step()).isLessThan(STEPS);
            scores.await(seen -> seen.stream().anyMatch(score -> score.step() == last.step()));
            OverfittingAlert alert = alerts.events().stream()
                    .filter(told -> told.level() == AlertLevel.CRITICAL)
                    .findFirst()
                    .orElseThrow();
            assertThat(alert.rule()).isEqualTo(AlertRule.VALIDATION_LOSS_ABOVE_START);
            assertThat(alert.step()).isPositive().isLessThanOrEqualTo(last.step());

            ValidationScored best = scores.events().stream()
                    .filter(score -> score.step() > 0)
                    .min(Comparator.comparingDouble(ValidationScored::heldOut))
                    .orElseThrow();
            assertThat(best.step()).as("the best of %s", scores.events()).isLessThan(last.step());
            assertThat(model.step()).isEqualTo(best.step());
            assertThat(model.scores()).isNotNull().satisfies(score -> assertThat(score.heldOut())
                    .isEqualTo(best.heldOut()));
            assertThat(hashes(all, file(model)))
                    .isNotEmpty()
                    .isEqualTo(hashes(all, key(saved, best.step())))
                    .isNotEqualTo(hashes(all, last.objectKey()));
        }
    }

    /** Seen in a run: the held-out score is 0.83 at step 5, 1.02 at step 10, and above 1.05 from there on. */
    private static TrainingSpec tooHard() {
        return TrainingSpec.builder()
                .resolution(64)
                .rank(8)
                .learningRate(2e-2)
                .steps(STEPS)
                .checkpointEvery(5)
                .imagesPerBatch(50)
                .minimumImages(5)
                .sampleSteps(1)
                .samplePrompts(List.of("a photo of a square"))
                .build();
    }

    /** A square of one colour before another. */
    private static ImageUploaded picture(int number) {
        byte[] rgb = new byte[3 * 64 * 64];
        for (int i = 0; i < rgb.length; i++) {
            int pixel = i / 3;
            boolean square = Math.max(Math.abs(pixel % 64 - 32), Math.abs(pixel / 64 - 32)) < 12 + 2 * number;
            rgb[i] = (byte) (square ? 40 * number : 250 - 30 * (number + i % 3));
        }
        byte[] png = new Picture(64, 64, rgb).toPng();
        return new ImageUploaded(DATASET, number + ".png", "a photo of a square", null, png, null, null, null);
    }

    private static String file(ModelReady model) {
        return model.artifacts().stream()
                .filter(artifact -> artifact.format() == ArtifactFormat.DIFFUSERS)
                .map(Artifact::objectKey)
                .findFirst()
                .orElseThrow();
    }

    private static String key(Seen<CheckpointSaved> saved, int step) {
        return saved.events().stream()
                .filter(checkpoint -> checkpoint.step() == step)
                .map(CheckpointSaved::objectKey)
                .findFirst()
                .orElseThrow();
    }

    /** Of the numbers of each layer of an adapter. */
    private Map<String, Integer> hashes(Standalone standalone, String key) {
        Path file = data.resolve("adapter.safetensors");
        standalone.store().download(key, file);
        Map<String, Integer> hashes = new TreeMap<>();
        LoraFormats.read(file)
                .modules()
                .forEach((module, pair) ->
                        hashes.put(module, Arrays.deepHashCode(new Object[] {pair.down(), pair.up()})));
        return hashes;
    }

    private static void send(Standalone standalone, String id, UploadEvent event) {
        standalone
                .kafka()
                .publisher()
                .publishNow(Topics.IMAGE_UPLOADS, Event.of(id, URI.create("/test"), Instant.now(), DATASET, event));
    }
}
