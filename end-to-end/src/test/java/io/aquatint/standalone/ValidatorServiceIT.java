package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.Sample;
import io.aquatint.events.SamplesGenerated;
import io.aquatint.events.Topics;
import io.aquatint.runtime.lifecycle.HttpServer;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.validator.ValidatorService;
import io.aquatint.validator.ValidatorSettings;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Trainers' events in, the validator's events out, through a real broker and a real store. */
@Timeout(240)
final class ValidatorServiceIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    @TempDir
    static Path work;

    private final PrometheusMeterRegistry metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @Test
    void everyCheckpointIsToldOfOnceAndABrokenOneStopsNothing() throws Exception {
        var training = new PlantedTraining(INFRASTRUCTURE, work, "cups");
        CheckpointSaved gone = training.checkpoint(50, 0.1);
        INFRASTRUCTURE.store().delete(gone.objectKey());
        CheckpointSaved diverged = training.checkpoint(100, 1e20);
        CheckpointSaved last = training.checkpoint(200, 0.02); // too weak to make the base model worse

        try (var heard = hear("cups")) {
            List<String> first;
            try (var service = service()) {
                service.start();
                training.publishRequested();
                training.publishStarted();
                training.publish(gone);
                training.publish(diverged);
                first = lines(heard, 6);
            }
            assertThat(findings(first))
                    .satisfiesExactly(
                            line -> assertThat(line).startsWith("samples.generated:cups/1:0 "),
                            line -> assertThat(line).startsWith("validation.scored:cups/1:0 "),
                            line -> assertThat(line).startsWith("samples.generated:cups/1:100 "),
                            line -> assertThat(line).startsWith("overfitting.alert:cups/1:100:LOSS_NOT_FINITE "),
                            line -> assertThat(line).startsWith("validation.scored:cups/1:100 "));
            List<String> ofDiverged =
                    first.stream().filter(line -> !line.contains(":cups/1:0 ")).toList();
            assertThat(ofDiverged)
                    .filteredOn(line -> line.startsWith("training.stop:cups/1 "))
                    .hasSize(1);

            // a restart goes on where it was; what comes again is told again in the same bytes
            try (var service = service()) {
                service.start();
                training.publish(diverged);
                training.publish(last);
                List<String> second = lines(heard, 6);
                assertThat(second).containsAll(ofDiverged);
                assertThat(findings(second).subList(0, 3)).isEqualTo(findings(ofDiverged));
                assertThat(findings(second).subList(3, 5))
                        .satisfiesExactly(
                                line -> assertThat(line).startsWith("samples.generated:cups/1:200 "),
                                line -> assertThat(line).startsWith("validation.scored:cups/1:200 "));
            }
            assertThat(heard.rest()).isEmpty();
        }
    }

    @Test
    void aSampleIsServedAsAPicture() throws Exception {
        var training = new PlantedTraining(INFRASTRUCTURE, work, "bowls");
        Vertx vertx = Vertx.vertx();
        try (var heard = hear("bowls");
                var service = service();
                var http = new HttpServer(vertx, "localhost", 0, metrics, List.of(service))) {
            service.start();
            training.publishStarted();
            Sample sample = heard.next(SamplesGenerated.class).samples().get(1);
            var response = Http.get(http.address() + "/v1/trainings/bowls/1/samples/0/1");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.headers().firstValue("content-type")).contains("image/png");
            assertThat(Sha256.of(response.body())).isEqualTo(sample.sha256());
            var missing = Http.get(http.address() + "/v1/trainings/bowls/1/samples/0/7");
            assertThat(missing.statusCode()).isEqualTo(404);
            assertThat(new String(missing.body(), StandardCharsets.UTF_8)).contains("sample_missing");
            assertThat(Http.get(http.address() + "/v1/trainings/bowls/%2e%2e/samples/0/1")
                            .statusCode())
                    .isEqualTo(404);
        } finally {
            vertx.close().toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
        }
    }

    private ValidatorService service() {
        return new ValidatorService(
                INFRASTRUCTURE.kafka(), INFRASTRUCTURE.store(), new ValidatorSettings(work), metrics);
    }

    private static Heard hear(String dataset) {
        return new Heard(INFRASTRUCTURE.kafka(), List.of(Topics.VALIDATION_EVENTS, Topics.TRAINING_COMMANDS), dataset);
    }

    private static List<String> lines(Heard heard, int count) throws InterruptedException {
        List<String> lines = new ArrayList<>();
        while (lines.size() < count) {
            Event<?> event = heard.next();
            lines.add(event.id() + " " + event.time()
                    + new String(EventJson.write(event.data()), StandardCharsets.UTF_8));
        }
        return lines;
    }

    /** Commands are in a topic of their own: they may be read before or after the rest of their step. */
    private static List<String> findings(List<String> lines) {
        return lines.stream().filter(line -> !line.startsWith("training.stop:")).toList();
    }
}
