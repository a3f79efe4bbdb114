package io.aquatint.registry;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.events.Artifact;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.HttpServer;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.Sha256;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RegistryRoutesTest {
    private static final Instant FIRST = Instant.parse("2026-01-02T03:04:05Z");

    private static Vertx vertx;

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final Catalogue catalogue = new Catalogue(Duration.ZERO);
    private final HttpClient client = HttpClient.newHttpClient();
    private boolean ready = true;
    private HttpServer server;

    @BeforeAll
    static void startVertx() {
        vertx = Vertx.vertx();
    }

    @AfterAll
    static void stopVertx() throws Exception {
        vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    @BeforeEach
    void serve() {
        RegistryRoutes routes = new RegistryRoutes(catalogue, store, new Links(store, ""), () -> ready);
        Service service = new Service() {
            @Override
            public String name() {
                return "registry";
            }

            @Override
            public void start() {}

            @Override
            public Health health() {
                return Health.up();
            }

            @Override
            public void routes(Router router) {
                routes.addTo(router);
            }

            @Override
            public void close() {}
        };
        server = new HttpServer(
                vertx, "localhost", 0, new PrometheusMeterRegistry(PrometheusConfig.DEFAULT), List.of(service));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void theListHasTheNewestFirstAndCanBeOfOneDataSet() throws Exception {
        plant("cats", 1, 0);
        plant("dogs", 1, 1);
        plant("cats", 2, 2);
        assertThat(json("/v1/models").path("models").findValuesAsText("modelId"))
                .containsExactly("cats/2", "dogs/1", "cats/1");
        JsonNode cats = json("/v1/models?dataset=cats").path("models");
        assertThat(cats.findValuesAsText("modelId")).containsExactly("cats/2", "cats/1");
        assertThat(cats.get(0).path("scores").path("heldOut").asDouble()).isEqualTo(0.8);
        assertThat(cats.get(0).has("images")).isFalse();
        assertThat(json("/v1/models?dataset=none").path("models")).isEmpty();
    }

    @Test
    void aVersionHasItsLineageAndLinksThatWork() throws Exception {
        byte[] file = plant("cats", 1, 0);
        plant("cats", 2, 1);
        assertThat(json("/v1/models/cats/latest").path("version").asInt()).isEqualTo(2);
        JsonNode version = json("/v1/models/cats/1");
        assertThat(version.path("images").get(0).path("sha256").asText()).isEqualTo("a1");
        assertThat(version.path("checkpoints").get(0).path("step").asInt()).isEqualTo(200);
        String url = version.path("artifacts").get(0).path("url").asText();
        assertThat(url).startsWith(server.address().toString());
        assertThat(get(URI.create(url)).body()).isEqualTo(file);
    }

    @Test
    void aFileComesWholeUnderItsName() throws Exception {
        byte[] file = plant("cats", 1, 0);
        HttpResponse<byte[]> response = get("/v1/models/cats/1/files/pytorch_lora_weights.safetensors");
        assertThat(get("/v1/models/cats/1/files/diffusers").body()).isEqualTo(file);
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body()).isEqualTo(file);
        assertThat(response.headers().firstValue("content-disposition"))
                .contains("attachment; filename=\"pytorch_lora_weights.safetensors\"");
        assertThat(response.headers().firstValue("etag")).contains('"' + Sha256.of(file) + '"');
        assertThat(response.headers().firstValueAsLong("content-length")).hasValue(file.length);
    }

    @Test
    void whatIsNotThereIsSaidInJsonWithAdvice() throws Exception {
        plant("cats", 1, 0);
        assertError("/v1/models/cats/9", 404, "model_missing");
        assertError("/v1/models/none/latest", 404, "model_missing");
        assertError("/v1/models/cats/first", 400, "bad_version");
        assertError("/v1/models/cats/1/files/zip", 404, "file_unknown");
        assertError("/v1/models/cats/1/files/kohya", 404, "file_unknown");
        assertError("/v1/models/cats/1/files/unet/config.json", 404, "file_unknown");
        store.delete("models/cats/1/pytorch_lora_weights.safetensors");
        assertError("/v1/models/cats/1/files/diffusers", 404, "file_missing");
    }

    @Test
    void aRejectedVersionSaysWhy() throws Exception {
        ModelEvent rejected = new ModelRejected("cats", 4, "cats/4", "a layer is missing");
        catalogue.takeModel(Event.of("id", URI.create("/test"), FIRST, "cats", rejected));
        assertThat(assertError("/v1/models/cats/4", 404, "model_rejected")).contains("a layer is missing");
    }

    @Test
    void beforeAllEventsAreReadItAsksForPatience() throws Exception {
        ready = false;
        assertError("/v1/models", 503, "catching_up");
        assertError("/v1/models/cats/1", 503, "catching_up");
    }

    private String assertError(String path, int status, String error) throws Exception {
        HttpResponse<byte[]> response = get(path);
        assertThat(response.statusCode()).as(path).isEqualTo(status);
        assertThat(response.headers().firstValue("content-type")).contains("application/json");
        JsonNode body = EventJson.mapper().readTree(response.body());
        assertThat(body.path("error").asText()).isEqualTo(error);
        assertThat(body.path("detail").asText()).isNotEmpty();
        assertThat(body.path("advice").asText()).isNotEmpty();
        return body.path("detail").asText();
    }

    private JsonNode json(String path) throws Exception {
        HttpResponse<byte[]> response = get(path);
        assertThat(response.statusCode()).as(path).isEqualTo(200);
        return EventJson.mapper().readTree(response.body());
    }

    private HttpResponse<byte[]> get(String path) throws Exception {
        return get(URI.create(server.address() + path));
    }

    private HttpResponse<byte[]> get(URI uri) throws IOException, InterruptedException {
        HttpRequest request =
                HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(20)).build();
        return client.send(request, HttpResponse.BodyHandlers.ofByteArray());
    }

    /** A version with one file of several pieces. */
    private byte[] plant(String dataset, int version, int minutes) {
        byte[] file = new byte[300_001];
        new Random(version).nextBytes(file);
        String key = "models/%s/%d/pytorch_lora_weights.safetensors".formatted(dataset, version);
        store.put(key, file, "application/octet-stream");
        String id = dataset + "/" + version;
        ModelVersion planted = new ModelVersion(
                id,
                dataset,
                version,
                id,
                "demo",
                200,
                Trainings.request().spec(),
                Trainings.request().images(),
                Trainings.request().heldOut(),
                List.of(new ModelScores(200, 0.8, 0.7)),
                List.of(new ModelCheckpoint(200, "k", "h", 0.1)),
                List.of(new Artifact(
                        ArtifactFormat.DIFFUSERS, key, Sha256.of(file), file.length, "memory:/signed-long-ago")),
                FIRST.plus(Duration.ofMinutes(minutes)));
        catalogue.takeVersion(Event.of("id", URI.create("/test"), FIRST, id, planted));
        return file;
    }
}
