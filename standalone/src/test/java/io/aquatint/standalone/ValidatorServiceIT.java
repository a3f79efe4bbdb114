package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.Sample;
import io.aquatint.events.SamplesGenerated;
import io.aquatint.events.Topics;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.lifecycle.HttpServer;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.validator.ValidatorService;
import io.aquatint.validator.ValidatorSettings;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
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
    private final BlockingQueue<Event<?>> told = new LinkedBlockingQueue<>();

    @Test
    void everyCheckpointIsToldOfOnceAndABrokenOneStopsNothing() throws Exception {
        var training = new PlantedTraining(INFRASTRUCTURE, work, "cups");
        CheckpointSaved gone = training.checkpoint(50, 0.1);
        INFRASTRUCTURE.store().delete(gone.objectKey());
        CheckpointSaved diverged = training.checkpoint(100, 1e20);
        CheckpointSaved last = training.checkpoint(200, 0.1);

        try (var tail = tail("cups")) {
            tail.start();
            List<String> first;
            try (var service = service()) {
                service.start();
                training.publishRequested();
                training.publishStarted();
                training.publish(gone);
                training.publish(diverged);
                first = lines(6);
            }
            assertThat(first.subList(0, 2))
                    .satisfiesExactly(
                            line -> assertThat(line).startsWith("samples.generated:cups/1:0 "),
                            line -> assertThat(line).startsWith("validation.scored:cups/1:0 "));
            // the command is in a topic of its own: it may be read before or after the rest of its step
            assertThat(first.subList(2, 6))
                    .satisfiesExactlyInAnyOrder(
                            line -> assertThat(line).startsWith("samples.generated:cups/1:100 "),
                            line -> assertThat(line).startsWith("overfitting.alert:cups/1:100:LOSS_NOT_FINITE "),
                            line -> assertThat(line).startsWith("validation.scored:cups/1:100 "),
                            line -> assertThat(line).startsWith("training.stop:cups/1 "));

            // a restart goes on where it was; what comes again is told again in the same bytes
            try (var service = service()) {
                service.start();
                training.publish(diverged);
                training.publish(last);
                List<String> second = lines(6);
                assertThat(second.subList(0, 4)).containsExactlyInAnyOrderElementsOf(first.subList(2, 6));
                assertThat(second.get(4)).startsWith("samples.generated:cups/1:200 ");
                assertThat(second.get(5)).startsWith("validation.scored:cups/1:200 ");
            }
            assertThat(told).isEmpty();
        }
    }

    @Test
    void aSampleIsServedAsAPicture() throws Exception {
        var training = new PlantedTraining(INFRASTRUCTURE, work, "bowls");
        Vertx vertx = Vertx.vertx();
        try (var tail = tail("bowls");
                var service = service();
                var http = new HttpServer(vertx, "localhost", 0, metrics, List.of(service))) {
            tail.start();
            service.start();
            training.publishStarted();
            Sample sample = null;
            while (sample == null) {
                Event<?> event = next();
                if (event.data() instanceof SamplesGenerated generated) {
                    sample = generated.samples().get(1);
                }
            }
            var response = get(http.address() + "/v1/trainings/bowls/1/samples/0/1");
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.headers().firstValue("content-type")).contains("image/png");
            assertThat(Sha256.of(response.body())).isEqualTo(sample.sha256());
            var missing = get(http.address() + "/v1/trainings/bowls/1/samples/0/7");
            assertThat(missing.statusCode()).isEqualTo(404);
            assertThat(new String(missing.body(), StandardCharsets.UTF_8)).contains("sample_missing");
            assertThat(get(http.address() + "/v1/trainings/bowls/%2e%2e/samples/0/1")
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

    /** Hears of the data sets of one test: the topics are shared by all. */
    private EventTail tail(String... datasets) {
        return new EventTail(INFRASTRUCTURE.kafka(), "test")
                .on(Topics.VALIDATION_EVENTS, event -> hear(event, datasets))
                .on(Topics.TRAINING_COMMANDS, event -> hear(event, datasets));
    }

    private void hear(Event<?> event, String... datasets) {
        if (Arrays.stream(datasets).anyMatch(dataset -> event.id().contains(":" + dataset + "/"))) {
            told.add(event);
        }
    }

    private List<String> lines(int count) throws InterruptedException {
        List<String> lines = new ArrayList<>();
        while (lines.size() < count) {
            Event<?> event = next();
            lines.add(event.id() + " " + event.time()
                    + new String(EventJson.write(event.data()), StandardCharsets.UTF_8));
        }
        return lines;
    }

    private Event<?> next() throws InterruptedException {
        Event<?> event = told.poll(120, TimeUnit.SECONDS);
        assertThat(event).as("nothing came in two minutes").isNotNull();
        return event;
    }

    private static HttpResponse<byte[]> get(String address) throws Exception {
        return HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(URI.create(address)).build(), HttpResponse.BodyHandlers.ofByteArray());
    }
}
