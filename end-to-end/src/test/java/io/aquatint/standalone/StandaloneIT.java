package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.ModelReady;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingSpecBuilder;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.config.HttpConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Everything in one JVM, stopped and started again. */
@Timeout(300)
final class StandaloneIT {
    private static final URI SOURCE = URI.create("/test");
    private static final String DATASET = "cats";

    @TempDir
    Path data;

    @Test
    void whatWasUploadedBeforeARestartIsTrainedOnAfterIt() throws Exception {
        TrainingSpec spec = spec().steps(4).checkpointEvery(2).build();
        try (Standalone first = start();
                Seen<ImageAccepted> accepted = Seen.of(first, Topics.IMAGE_VERDICTS, ImageAccepted.class)) {
            send(first, "configure", new DatasetConfigured(DATASET, spec));
            for (int i = 0; i < 5; i++) {
                send(first, "picture-" + i, picture(i));
            }
            accepted.await(5);
        }
        try (Standalone second = start();
                Seen<ModelReady> ready = Seen.of(second, Topics.MODEL_EVENTS, ModelReady.class)) {
            send(second, "seal", new DatasetSealed(DATASET));
            ModelReady model = ready.await(1).get(0);

            assertThat(model.modelId()).isEqualTo("cats/1");
            assertThat(model.step()).isEqualTo(4);
            assertThat(model.artifacts()).hasSize(2).allSatisfy(artifact -> {
                HttpResponse<byte[]> file = Http.get(artifact.url());
                assertThat(file.statusCode()).isEqualTo(200);
                assertThat(file.body()).hasSize((int) artifact.bytes());
            });
        }
        try (Standalone third = start();
                Seen<ModelReady> ready = Seen.of(third, Topics.MODEL_EVENTS, ModelReady.class)) {
            String listed = new String(
                    Http.get(third.http().resolve("/v1/models").toString()).body(), StandardCharsets.UTF_8);
            assertThat(listed).contains("cats/1");
            // The same picture again changes nothing; the next batch begins with new ones.
            send(third, "picture-0-again", picture(0));
            for (int i = 5; i < 10; i++) {
                send(third, "picture-" + i, picture(i));
            }
            send(third, "seal-again", new DatasetSealed(DATASET));
            List<ModelReady> models = ready.await(2);
            assertThat(models).extracting(ModelReady::modelId).containsExactly("cats/1", "cats/2");
        }
    }

    @Test
    void aTrainingThatTheEndOfTheProcessCutShortGoesOnAtTheNextStart() throws Exception {
        TrainingSpec spec = spec().steps(60).checkpointEvery(5).build();
        try (Standalone first = start();
                Seen<TrainingProgress> progress = Seen.of(first, Topics.TRAINING_EVENTS, TrainingProgress.class)) {
            send(first, "configure", new DatasetConfigured(DATASET, spec));
            for (int i = 0; i < 5; i++) {
                send(first, "picture-" + i, picture(i));
            }
            send(first, "seal", new DatasetSealed(DATASET));
            progress.await(seen -> seen.stream().anyMatch(event -> event.step() >= 6));
        }
        try (Standalone second = start();
                Seen<TrainingStarted> started = Seen.of(second, Topics.TRAINING_EVENTS, TrainingStarted.class);
                Seen<TrainingCompleted> completed = Seen.of(second, Topics.TRAINING_EVENTS, TrainingCompleted.class);
                Seen<ModelReady> ready = Seen.of(second, Topics.MODEL_EVENTS, ModelReady.class)) {
            assertThat(ready.await(1)).hasSize(1);
            List<TrainingStarted> starts = started.await(2);
            assertThat(starts).hasSize(2);
            assertThat(starts.get(1).startStep()).isGreaterThanOrEqualTo(5);
            assertThat(starts.get(1).epoch()).isGreaterThan(starts.get(0).epoch());
            assertThat(completed.await(1)).extracting(TrainingCompleted::step).containsExactly(60);
        }
    }

    @Test
    void aPortThatIsTakenIsNamed() throws Exception {
        try (var other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int taken = other.getLocalPort();
            assertThatThrownBy(
                            () -> Standalone.start(StandaloneConfig.of(data, 0, 0, new HttpConfig("localhost", taken))))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(String.valueOf(taken))
                    .hasMessageContaining("taken");
        }
    }

    private Standalone start() {
        Standalone standalone = Standalone.start(StandaloneConfig.of(data, 0, 0, new HttpConfig("localhost", 0)));
        standalone.awaitReady();
        return standalone;
    }

    private static TrainingSpecBuilder spec() {
        return TrainingSpec.builder()
                .resolution(64)
                .rank(4)
                .imagesPerBatch(50)
                .minimumImages(5)
                .sampleSteps(2)
                .samplePrompts(List.of("a photo of a cat"))
                .stopEarly(false);
    }

    private static ImageUploaded picture(int seed) throws IOException {
        return new ImageUploaded(
                DATASET, seed + ".png", "a photo of a cat", null, NoisePicture.png(seed), null, null, null);
    }

    private static void send(Standalone standalone, String id, UploadEvent event) {
        standalone
                .kafka()
                .publisher()
                .publishNow(Topics.IMAGE_UPLOADS, Event.of(id, SOURCE, Instant.now(), DATASET, event));
    }
}
