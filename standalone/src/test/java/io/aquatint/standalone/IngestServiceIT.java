package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.BatchCompleted;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.VerdictEvent;
import io.aquatint.ingest.IngestMain;
import io.aquatint.ingest.IngestSettings;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.lifecycle.Service;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Ingest and the batcher, with a real broker and a real store, fed by a producer that knows nothing of ours. */
@Timeout(180)
final class IngestServiceIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    private static final String SPEC =
            "{\"dataset\": \"%s\", \"spec\": {\"resolution\": 64, \"imagesPerBatch\": %d, \"minimumImages\": 5, \"quietSeconds\": 3600}}";

    @TempDir
    static Path work;

    private final List<Event<VerdictEvent>> verdicts = new CopyOnWriteArrayList<>();
    private final List<TrainingRequested> requests = new CopyOnWriteArrayList<>();
    private final List<DatasetEvent> datasetEvents = new CopyOnWriteArrayList<>();
    private EventTail tail;
    private PlainProducer app;

    @BeforeEach
    void listen() {
        tail = new EventTail(INFRASTRUCTURE.kafka(), "test")
                .on(Topics.IMAGE_VERDICTS, verdicts::add)
                .on(Topics.TRAINING_REQUESTS, event -> addRequest(event.data()))
                .on(Topics.DATASET_EVENTS, event -> datasetEvents.add(event.data()));
        tail.start();
        app = new PlainProducer(
                INFRASTRUCTURE.broker().bootstrap(),
                Map.of("max.request.size", "67108864", "compression.type", "gzip"));
    }

    @AfterEach
    void listenNoMore() {
        tail.close();
        app.close();
    }

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
    void aKeyThatTheStoreCannotHoldBlocksNothing() throws Exception {
        INFRASTRUCTURE.store().put("strange/object", NoisePicture.png(1), "image/png");
        List<String> keys = List.of(
                "strange/nothing",
                "strange/object/below",
                "strange",
                "strange/a b+c%2F&d?e#f",
                "strange/ä€😀",
                "strange/back\\slash",
                "strange/\"quoted\"",
                "strange/<&>",
                "strange/" + "x".repeat(250),
                "../strange/object",
                "strange/./object",
                "/strange/object");
        try (var services = new Services()) {
            for (String key : keys) {
                upload(
                        "strange",
                        key,
                        new JsonObject()
                                .put("dataset", "strange")
                                .put("objectKey", key)
                                .encode());
            }
            picture("strange", 2);
            await(() -> !accepted("strange").isEmpty());
        }

        assertThat(rejected("strange"))
                .hasSize(keys.size())
                .extracting(ImageRejected::reason)
                .containsOnly(RejectionReason.OBJECT_MISSING, RejectionReason.MALFORMED_EVENT);
    }

    @Test
    void aVerdictThatCannotBeReadIsADeadLetterAndTheBatcherGoesOn() throws Exception {
        app.send(Topics.IMAGE_VERDICTS, "unreadable", "1", "image.accepted", "{\"dataset\": ");
        app.send(Topics.IMAGE_VERDICTS, "unreadable", "2", "image.unheard.of", "{}");
        try (var services = new Services()) {
            configure("unreadable", 5);
            for (int i = 0; i < 5; i++) {
                picture("unreadable", i);
            }
            await(() -> !requestsOf("unreadable").isEmpty());
        }

        assertThat(deadLetter("unreadable")).contains("UNDECODABLE", Topics.IMAGE_VERDICTS.name());
    }

    @Test
    void anEventThatIsTooLargeForItsVerdictOrForTheDeadLettersBlocksNothing() throws Exception {
        String name = "x".repeat(9 << 20);
        try (var services = new Services()) {
            upload(
                    "giant",
                    "name",
                    image("giant", NoisePicture.png(1)).replace("{", "{\"fileName\": \"" + name + "\", "));
            upload("giant", "compressed", " ".repeat(20 << 20) + "no JSON");
            upload(
                    "giant",
                    "spec",
                    "dataset.configured",
                    "{\"dataset\": \"giant\", \"spec\": {\"baseModel\": \"%s\"}}".formatted(name));
            picture("giant", 3);
            await(() -> !accepted("giant").isEmpty());
        }

        assertThat(accepted("giant")).hasSize(1);
        assertThat(deadLetter("giant")).contains("PERMANENT", "UNDECODABLE", "aquatint_bytes=" + ((20 << 20) + 7));
        assertThat(datasetEventsOf("giant")).singleElement().isInstanceOf(DatasetRejected.class);
    }

    @Test
    void aBadSpecIsToldAndChangesNothing() throws Exception {
        try (var services = new Services()) {
            upload("Bad Name", "1", "dataset.sealed", "{\"dataset\": \"Bad Name\"}");
            upload(
                    "bad-spec",
                    "2",
                    "dataset.configured",
                    "{\"dataset\": \"bad-spec\", \"spec\": {\"resolution\": 100}}");
            await(() -> datasetEventsOf("Bad Name").size()
                            + datasetEventsOf("bad-spec").size()
                    == 2);
        }

        assertThat(datasetEventsOf("bad-spec"))
                .singleElement()
                .isInstanceOfSatisfying(DatasetRejected.class, rejected -> assertThat(rejected.problems())
                        .singleElement()
                        .asString()
                        .contains("resolution"));
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
        } finally {
            vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
        }

        assertThat(accepted("http")).extracting(ImageAccepted::caption).containsExactly("posted", "announced");
        assertThat(accepted("http")).extracting(image -> image.after().width()).containsOnly(64);
    }

    /** Ingest and the batcher, as their process has them. */
    private static final class Services implements AutoCloseable {
        private final List<Service> all;

        Services() {
            all = IngestMain.services(
                    INFRASTRUCTURE.kafka(), INFRASTRUCTURE.store(), IngestSettings.in(work), new SimpleMeterRegistry());
            all.forEach(Service::start);
        }

        @Override
        public void close() {
            all.forEach(Service::close);
        }
    }

    private void addRequest(TrainingRequest request) {
        if (request instanceof TrainingRequested requested) {
            requests.add(requested);
        }
    }

    private List<ImageAccepted> accepted(String dataset) {
        return of(dataset, ImageAccepted.class);
    }

    private List<ImageRejected> rejected(String dataset) {
        return of(dataset, ImageRejected.class);
    }

    private <T extends VerdictEvent> List<T> of(String dataset, Class<T> type) {
        return verdicts.stream()
                .map(Event::data)
                .filter(verdict -> verdict.dataset().equals(dataset))
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    private List<TrainingRequested> requestsOf(String dataset) {
        return requests.stream()
                .filter(request -> request.dataset().equals(dataset))
                .toList();
    }

    private List<DatasetEvent> datasetEventsOf(String dataset) {
        return datasetEvents.stream()
                .filter(event -> event.dataset().equals(dataset))
                .toList();
    }

    private List<BatchCompleted> completed(String dataset) {
        return datasetEventsOf(dataset).stream()
                .filter(BatchCompleted.class::isInstance)
                .map(BatchCompleted.class::cast)
                .toList();
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("a minute and a half passed").isLessThan(end);
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    private void configure(String dataset, int imagesPerBatch) throws Exception {
        upload(dataset, "configure-" + dataset, "dataset.configured", SPEC.formatted(dataset, imagesPerBatch));
    }

    private void seal(String dataset) throws Exception {
        upload(dataset, "seal-" + dataset, "dataset.sealed", "{\"dataset\": \"%s\"}".formatted(dataset));
    }

    private void picture(String dataset, int number) throws Exception {
        upload(dataset, dataset + "-" + number, image(dataset, NoisePicture.png(number)));
    }

    private void upload(String dataset, String id, String json) throws Exception {
        upload(dataset, id, "image.uploaded", json);
    }

    private void upload(String dataset, String id, String type, String json) throws Exception {
        app.send(Topics.IMAGE_UPLOADS, dataset, id, type, json);
    }

    private static String image(String dataset, byte[] bytes) {
        return "{\"dataset\": \"%s\", \"caption\": \"a zwx cat\", \"bytes\": \"%s\"}"
                .formatted(dataset, Base64.getEncoder().encodeToString(bytes));
    }

    private static byte[] form(byte[] picture) {
        var form = new ByteArrayOutputStream();
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nposted\r\n"
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes(picture);
        form.writeBytes("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        return form.toByteArray();
    }

    private static HttpResponse<String> http(String method, URI address, String contentType, byte[] body)
            throws IOException, InterruptedException {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(address)
                                .header("content-type", contentType)
                                .method(method, BodyPublishers.ofByteArray(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
    }

    /** What the headers of a data set's dead letter say. */
    private static String deadLetter(String dataset) {
        try (var consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", INFRASTRUCTURE.broker().bootstrap(), "isolation.level", "read_committed"),
                new StringDeserializer(),
                new ByteArrayDeserializer())) {
            var partition = new TopicPartition(Topics.DEAD_LETTERS, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            var said = new StringBuilder();
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> {
                    if (dataset.equals(record.key())) {
                        record.headers().forEach(header -> said.append(header.key())
                                .append('=')
                                .append(new String(header.value(), StandardCharsets.UTF_8))
                                .append(' '));
                    }
                });
            }
            return said.toString();
        }
    }
}
