package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.BatchCompleted;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.TrainingRequested;
import io.aquatint.ingest.IngestMain;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ingest and the batcher, with a real broker and a real store, fed by a producer that knows nothing of ours. */
@Timeout(180)
final class IngestServiceIT extends IngestFixture {
    @Test
    void uploadsOfAPlainProducerBecomeVerdictsAndASealedDataSetOneRequest() throws Exception {
        try (var services = new Services()) {
            configure("plain", 50);
            for (int i = 0; i < 6; i++) {
                picture("plain", i);
            }
            upload("plain", "again", image("plain", NoisePicture.png(0)));
            upload("plain", "bad", image("plain", "<html>".getBytes(StandardCharsets.UTF_8)));
            upload("plain", "unreadable", "{\"dataset\": \"plain\", \"bytes\": 3}");
            seal("plain");
            await(() -> !requestsOf("plain").isEmpty());
            await(() ->
                    services.all.stream().allMatch(service -> service.health().ready()));
        }

        assertThat(accepted("plain")).hasSize(7);
        assertThat(rejected("plain")).extracting(ImageRejected::reason).containsExactly(RejectionReason.NOT_AN_IMAGE);
        assertThat(deadLetter("plain")).contains("UNDECODABLE", "bytes");
        TrainingRequested request = requestsOf("plain").get(0);
        assertThat(request.trainingId()).isEqualTo("plain/1");
        assertThat(request.spec().resolution()).isEqualTo(64);
        assertThat(request.images())
                .hasSize(5)
                .extracting(ManifestImage::caption)
                .containsOnly("a zwx cat");
        assertThat(request.heldOut()).hasSize(1);
        for (ManifestImage image : request.images()) {
            assertThat(INFRASTRUCTURE.store().stat(image.objectKey())).isPresent();
        }
        assertThat(completed("plain"))
                .singleElement()
                .extracting(BatchCompleted::newImages)
                .isEqualTo(6);
    }

    @Test
    void verdictsComeInTheOrderOfUploadsThoughSomePicturesTakeLonger() throws Exception {
        configure("order", 50);
        for (int i = 0; i < 12; i++) {
            upload("order", "order-" + i, image("order", i % 4 == 0 ? plain(4000 + i) : NoisePicture.png(i)));
        }
        try (var services = new Services()) {
            await(() -> accepted("order").size() == 12);
        }

        assertThat(verdicts.stream()
                        .map(Event::id)
                        .filter(id -> id.startsWith("image.accepted:order-"))
                        .toList())
                .containsExactlyElementsOf(IntStream.range(0, 12)
                        .mapToObj(i -> "image.accepted:order-" + i)
                        .toList());
    }

    @Test
    void aBatchIsOneRequestThoughEveryServiceIsRestartedInTheMiddle() throws Exception {
        try (var services = new Services()) {
            configure("restarted", 50);
            for (int i = 0; i < 3; i++) {
                picture("restarted", i);
            }
            await(() -> accepted("restarted").size() == 3);
        }
        for (int i = 3; i < 6; i++) {
            picture("restarted", i);
        }
        seal("restarted");
        try (var services = new Services()) {
            await(() -> !requestsOf("restarted").isEmpty());
            seal("restarted");
            picture("restarted", 6);
            await(() -> accepted("restarted").size() == 7);
        }
        try (var services = new Services()) {
            seal("restarted"); // with one new picture: too few for a second batch
            await(() -> datasetEventsOf("restarted").size() == 2);
        }

        assertThat(requestsOf("restarted")).singleElement().satisfies(request -> {
            assertThat(request.images()).hasSize(5);
            assertThat(request.heldOut()).hasSize(1);
        });
    }

    @Test
    void noBatchIsLostOrDoubledThoughTheirProcessIsKilledAgainAndAgain() throws Exception {
        int batches = 8;
        configure("killed", 5);
        for (int i = 0; i < 5 * batches; i++) {
            picture("killed", i);
        }
        for (int after : List.of(7, 22)) {
            Process process = ServiceJvm.start(
                    INFRASTRUCTURE,
                    IngestMain.class,
                    "256m",
                    work.resolve("victim-" + after + ".log"),
                    Map.of("AQUATINT_INGEST_WORK", work.toString()));
            try {
                await(() -> accepted("killed").size() >= after);
            } finally {
                process.destroyForcibly().waitFor();
            }
        }
        try (var services = new Services()) {
            await(() -> requestsOf("killed").size() >= batches);
            // What comes after everything else shows that nothing more is under way.
            picture("killed", -1);
            seal("killed");
            await(() -> datasetEventsOf("killed").size() > batches);
        }

        assertThat(requestsOf("killed"))
                .extracting(TrainingRequested::trainingId)
                .containsExactlyElementsOf(IntStream.rangeClosed(1, batches)
                        .mapToObj(batch -> "killed/" + batch)
                        .toList());
        TrainingRequested last = requestsOf("killed").get(batches - 1);
        assertThat(Stream.concat(last.images().stream(), last.heldOut().stream())
                        .map(ManifestImage::sha256)
                        .distinct())
                .hasSize(5 * batches);
        assertThat(requestsOf("killed")).extracting(TrainingRequested::heldOut).containsOnly(last.heldOut());
        assertThat(completed("killed")).hasSize(batches);
    }

    @Test
    void aPictureComesInByTheHttpDoorAndByAPresignedAddress() throws Exception {
        Vertx vertx = Vertx.vertx();
        try (var services = new Services()) {
            Router router = Router.router(vertx);
            services.all.forEach(service -> service.routes(router));
            int port = vertx.createHttpServer()
                    .requestHandler(router)
                    .listen(0)
                    .toCompletionStage()
                    .toCompletableFuture()
                    .get(10, TimeUnit.SECONDS)
                    .actualPort();
            URI dataset = URI.create("http://localhost:%d/v1/datasets/http".formatted(port));
            assertThat(http("PUT", dataset, "application/json", "{\"resolution\": 64}".getBytes(StandardCharsets.UTF_8))
                            .statusCode())
                    .isEqualTo(202);
            HttpResponse<String> posted = http(
                    "POST",
                    URI.create(dataset + "/images"),
                    "multipart/form-data; boundary=b",
                    form(NoisePicture.png(1)));
            assertThat(posted.statusCode()).as(posted.body()).isEqualTo(202);

            JsonObject place = new JsonObject(http("POST", URI.create(dataset + "/uploads"), "text/plain", new byte[0])
                    .body());
            assertThat(http("PUT", URI.create(place.getString("put")), "image/png", NoisePicture.png(2))
                            .statusCode())
                    .isEqualTo(200);
            String announcement = new JsonObject()
                    .put("objectKey", place.getString("objectKey"))
                    .put("caption", "announced")
                    .encode();
            assertThat(http(
                                    "POST",
                                    URI.create(dataset + "/images"),
                                    "application/json",
                                    announcement.getBytes(StandardCharsets.UTF_8))
                            .statusCode())
                    .isEqualTo(202);
            await(() -> accepted("http").size() == 2);
            String id = new JsonObject(posted.body())
                    .getJsonArray("uploads")
                    .getJsonObject(0)
                    .getString("id");
            assertThat(verdicts).extracting(Event::id).contains("image.accepted:" + id);

            await(() -> INFRASTRUCTURE.store().list("uploads/http/").isEmpty());
            upload("http", id, stored("http", place.getString("objectKey")));
            await(() -> accepted("http").size() == 3);
            assertThat(rejected("http")).isEmpty();
        } finally {
            vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
        }

        assertThat(accepted("http")).extracting(ImageAccepted::caption).containsExactly("posted", "announced", "");
        assertThat(accepted("http")).extracting(image -> image.after().width()).containsOnly(64);
    }

    /** A large picture of one colour. */
    private static byte[] plain(int side) throws IOException {
        var bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB), "png", bytes);
        return bytes.toByteArray();
    }
}
