package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.events.Artifact;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.Topics;
import io.aquatint.registry.RegistryService;
import io.aquatint.registry.RegistrySettings;
import io.aquatint.runtime.lifecycle.HttpServer;
import io.aquatint.runtime.store.Sha256;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Finished trainings in, models out, through a real broker and a real store. */
@Timeout(240)
final class RegistryServiceIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    @TempDir
    static Path work;

    private final PrometheusMeterRegistry metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @Test
    void aFinishedTrainingBecomesAModelOnceWhateverIsRestarted() throws Exception {
        Vertx vertx = Vertx.vertx();
        try (var heard = hear("cups", "broken", "bowls")) {
            try (var service = service()) {
                service.start();
                finish("cups", true);
                assertThat(ids(heard, 2)).containsExactlyInAnyOrder("model.version:cups/1", "model.ready:cups/1");
                finish("broken", false);
                Event<?> rejected = heard.next();
                assertThat(rejected.id()).isEqualTo("model.rejected:broken/1");
                assertThat(((ModelRejected) rejected.data()).detail()).contains("SHA-256");
            }
            try (var service = service();
                    var http = new HttpServer(vertx, "localhost", 0, metrics, List.of(service))) {
                service.start();
                // had the restart published anything again, it would come before this
                finish("bowls", true);
                assertThat(ids(heard, 2)).containsExactlyInAnyOrder("model.version:bowls/1", "model.ready:bowls/1");

                JsonNode models = EventJson.mapper()
                        .readTree(Http.get(http.address() + "/v1/models").body());
                assertThat(models.findValuesAsText("modelId")).containsSubsequence("bowls/1", "cups/1");
                JsonNode kohya = EventJson.mapper()
                        .readTree(Http.get(http.address() + "/v1/models/cups/latest")
                                .body())
                        .path("artifacts")
                        .get(1);
                assertThat(Sha256.of(Http.get(kohya.path("url").asText()).body()))
                        .isEqualTo(kohya.path("sha256").asText());
            }
            assertThat(heard.rest()).isEmpty();
        } finally {
            vertx.close().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
        }
    }

    @Test
    void withoutAPublicAddressTheAnnouncedLinksAreSignedOnesOfTheStore() throws Exception {
        try (var heard = hear("plates");
                var service = service()) {
            service.start();
            finish("plates", true);
            ModelReady ready = heard.next(ModelReady.class);
            assertThat(ready.scores()).isNotNull();
            for (Artifact artifact : ready.artifacts()) {
                assertThat(Sha256.of(Http.get(artifact.url()).body())).isEqualTo(artifact.sha256());
            }
        }
    }

    /** @param whole false changes the checkpoint after it was announced */
    private static void finish(String dataset, boolean whole) throws IOException {
        var training = new PlantedTraining(INFRASTRUCTURE, work, dataset);
        CheckpointSaved last = training.checkpoint(200, 0.1);
        if (!whole) {
            INFRASTRUCTURE.store().put(last.objectKey(), new byte[] {1, 2, 3}, "application/octet-stream");
        }
        training.publishRequested();
        training.publish(last);
        training.publishCompleted(last);
        training.publishScored(200);
    }

    private RegistryService service() {
        return new RegistryService(
                INFRASTRUCTURE.kafka(),
                INFRASTRUCTURE.store(),
                new RegistrySettings(work, Duration.ofMinutes(10), ""),
                metrics);
    }

    private static Heard hear(String... datasets) {
        return new Heard(INFRASTRUCTURE.kafka(), List.of(Topics.MODEL_VERSIONS, Topics.MODEL_EVENTS), datasets);
    }

    private static List<String> ids(Heard heard, int count) throws InterruptedException {
        List<String> ids = new ArrayList<>();
        while (ids.size() < count) {
            ids.add(heard.next().id());
        }
        return ids;
    }
}
