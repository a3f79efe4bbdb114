package io.aquatint.ingest;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.Sha256;
import io.vertx.core.Vertx;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UploadDoorTest {
    private static final String BOUNDARY = "----boundary";
    private static final int MAX_BYTES = 300_000;
    private static final byte[] PLAIN = Resources.image("uploads/plain.jpg");
    private static final byte[] WEBP = Resources.image("uploads/lossy.webp");

    private final HttpClient client = HttpClient.newHttpClient();
    private final MemoryObjectStore store = new MemoryObjectStore();
    private final List<Event<UploadEvent>> sent = new CopyOnWriteArrayList<>();
    private final Vertx vertx = Vertx.vertx();

    @TempDir
    private Path work;

    private volatile boolean kafkaIsAway;
    private URI address;

    @BeforeEach
    void listen() throws Exception {
        var settings = new IngestSettings(MAX_BYTES, 50_000_000, work);
        Router router = Router.router(vertx);
        new UploadDoor(store, new SpecStore(store), settings, event -> {
                    if (kafkaIsAway) {
                        throw new TimeoutException("planted");
                    }
                    sent.add(event);
                })
                .routes(router);
        var server = vertx.createHttpServer()
                .requestHandler(router)
                .listen(0)
                .toCompletionStage()
                .toCompletableFuture()
                .get(10, TimeUnit.SECONDS);
        address = URI.create("http://localhost:" + server.actualPort());
    }

    @AfterEach
    void close() throws Exception {
        vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    @Test
    void eachFileOfARequestIsStoredAndBecomesAnEvent() throws Exception {
        var reply = post(
                "/v1/datasets/cat/images",
                new Form().file("a.jpg", PLAIN).file("b.webp", WEBP).field("caption", "a zwx cät"));

        assertThat(reply.statusCode()).isEqualTo(202);
        JsonArray uploads = new JsonObject(reply.body()).getJsonArray("uploads");
        assertThat(sent).hasSize(2);
        for (int i = 0; i < 2; i++) {
            byte[] bytes = i == 0 ? PLAIN : WEBP;
            ImageUploaded image = (ImageUploaded) sent.get(i).data();
            assertThat(image.dataset()).isEqualTo("cat");
            assertThat(image.fileName()).isEqualTo(i == 0 ? "a.jpg" : "b.webp");
            assertThat(image.caption()).isEqualTo("a zwx cät");
            assertThat(image.bytes()).isNull();
            assertThat(image.sha256()).isEqualTo(Sha256.of(bytes));
            assertThat(store.get(image.objectKey())).isEqualTo(bytes);
            assertThat(uploads.getJsonObject(i).getString("id"))
                    .isEqualTo(sent.get(i).id());
            assertThat(uploads.getJsonObject(i).getString("objectKey")).isEqualTo(image.objectKey());
        }
        assertThat(sent.get(0).id()).isNotEqualTo(sent.get(1).id());
        assertNothingIsLeftOver();
    }

    @Test
    void eachFileMayHaveACaptionOfItsOwn() throws Exception {
        var form = new Form()
                .field("caption", "one")
                .file("a.jpg", PLAIN)
                .field("caption", "two")
                .file("b.webp", WEBP);

        assertThat(post("/v1/datasets/cat/images", form).statusCode()).isEqualTo(202);
        assertThat(sent)
                .extracting(event -> ((ImageUploaded) event.data()).caption())
                .containsExactly("one", "two");
    }

    @Test
    void captionsThatDoNotFitTheFilesAreRefused() throws Exception {
        var form = new Form().field("caption", "one").field("caption", "two").field("caption", "three");

        assertRefused(
                post("/v1/datasets/cat/images", form.file("a.jpg", PLAIN).file("b", WEBP)), 400, "captions_unclear");
    }

    @Test
    void aFileThatIsTooLargeIsRefusedAndNothingOfItsRequestIsTaken() throws Exception {
        var form = new Form().file("a.jpg", PLAIN).file("large.jpg", new byte[MAX_BYTES + 1]);

        var reply = post("/v1/datasets/cat/images", form);

        assertRefused(reply, 413, "too_many_bytes");
        assertThat(new JsonObject(reply.body()).getString("detail")).contains("large.jpg", "300001", "300000");
        assertNothingIsLeftOver();
    }

    @Test
    void aRequestThatIsTooLargeIsRefused() throws Exception {
        var form = new Form();
        for (int i = 0; i < 9; i++) {
            form.file(i + ".jpg", new byte[MAX_BYTES]);
        }

        assertRefused(post("/v1/datasets/cat/images", form), 413, "too_many_bytes");
        assertNothingIsLeftOver();
    }

    @Test
    void aLongCaptionIsRefusedAtOnce() throws Exception {
        var form = new Form().field("caption", "x".repeat(2001)).file("a.jpg", PLAIN);

        assertRefused(post("/v1/datasets/cat/images", form), 400, "caption_too_long");
        assertNothingIsLeftOver();
    }

    @Test
    void aRequestWithoutAFileIsRefused() throws Exception {
        assertRefused(post("/v1/datasets/cat/images", new Form().field("caption", "a cat")), 400, "no_picture");
        assertRefused(post("/v1/datasets/cat/images", new Form().file("", new byte[0])), 400, "no_picture");
    }

    @Test
    void anythingButAFormOrJsonIsRefusedWithTheRightCommand() throws Exception {
        var reply = send("POST", "/v1/datasets/cat/images", "image/jpeg", PLAIN);

        assertRefused(reply, 415, "bad_content_type");
        assertThat(reply.body()).contains("curl -F");
    }

    @Test
    void aFormThatBreaksOffIsRefused() throws Exception {
        byte[] whole = new Form().file("a.jpg", PLAIN).bytes();
        byte[] half = Arrays.copyOf(whole, whole.length / 2);

        var reply = send("POST", "/v1/datasets/cat/images", "multipart/form-data; boundary=" + BOUNDARY, half);

        assertRefused(reply, 400, "broken_form");
        assertNothingIsLeftOver();
    }

    @Test
    void aDataSetOfABadNameIsRefusedEverywhere() throws Exception {
        assertRefused(send("GET", "/v1/datasets/Cat", null, null), 400, "bad_dataset");
        assertRefused(send("PUT", "/v1/datasets/-cat", "application/json", json("{}")), 400, "bad_dataset");
        assertRefused(send("POST", "/v1/datasets/a%2Fb/seal", null, null), 400, "bad_dataset");
        assertRefused(send("POST", "/v1/datasets/Cat/uploads", null, null), 400, "bad_dataset");
        assertRefused(post("/v1/datasets/Cat/images", new Form().file("a.jpg", PLAIN)), 400, "bad_dataset");
    }

    @Test
    void aSpecBecomesAnEventAndTheReplySaysWhatItsDefaultsAre() throws Exception {
        var reply = send("PUT", "/v1/datasets/cat", "application/json", json("{\"resolution\": 64, \"rank\": 8}"));

        assertThat(reply.statusCode()).isEqualTo(202);
        TrainingSpec spec = TrainingSpec.builder().resolution(64).rank(8).build();
        assertThat(sent).singleElement().satisfies(event -> {
            assertThat(event.data()).isEqualTo(new DatasetConfigured("cat", spec));
            assertThat(event.subject()).isEqualTo("cat");
            assertThat(new JsonObject(reply.body()).getString("id")).isEqualTo(event.id());
        });
        assertThat(new JsonObject(reply.body()).getJsonObject("spec").getInteger("steps"))
                .isEqualTo(1000);
    }

    @Test
    void aBadSpecIsRefusedWithAllItsProblemsAtOnce() throws Exception {
        var reply = send(
                "PUT",
                "/v1/datasets/cat",
                "application/json",
                json("{\"resolutoin\": 64, \"steps\": \"many\", \"rank\": [1]}"));

        assertRefused(reply, 400, "bad_spec");
        assertThat(new JsonObject(reply.body()).getString("detail"))
                .contains("'resolutoin'", "did you mean 'resolution'", "steps", "rank");

        var values = send("PUT", "/v1/datasets/cat", "application/json", json("{\"steps\": 0, \"rank\": 0}"));
        assertThat(new JsonObject(values.body()).getString("detail")).contains("steps is 0", "rank is 0");
    }

    @Test
    void aSpecThatIsNoJsonObjectIsRefused() throws Exception {
        for (String body : List.of("", "steps: 3", "[1]", "null", "{\"steps\": 3")) {
            assertRefused(send("PUT", "/v1/datasets/cat", "application/json", json(body)), 400, "bad_spec");
        }
    }

    @Test
    void aSpecThatIsTooLargeIsRefused() throws Exception {
        byte[] large = json("{\"negativePrompt\": \"" + "x".repeat(3 << 20) + "\"}");

        assertRefused(send("PUT", "/v1/datasets/cat", "application/json", large), 413, "too_many_bytes");
    }

    @Test
    void anotherResolutionOrShapeIsRefusedOnceThereArePictures() throws Exception {
        new SpecStore(store)
                .settle("cat", TrainingSpec.builder().resolution(512).build());

        var reply = send("PUT", "/v1/datasets/cat", "application/json", json("{\"resolution\": 64}"));
        var buckets = send("PUT", "/v1/datasets/cat", "application/json", json("{\"aspectRatioBuckets\": true}"));

        assertRefused(reply, 400, "bad_spec");
        assertRefused(buckets, 400, "bad_spec");
    }

    @Test
    void theSpecInForceIsTold() throws Exception {
        assertThat(specOf("cat")).isEqualTo(TrainingSpec.defaults());

        TrainingSpec spec = TrainingSpec.builder().resolution(64).build();
        new SpecStore(store).put("cat", spec);

        assertThat(specOf("cat")).isEqualTo(spec);
    }

    @Test
    void sealingBecomesAnEvent() throws Exception {
        var reply = send("POST", "/v1/datasets/cat/seal", null, null);

        assertThat(reply.statusCode()).isEqualTo(202);
        assertThat(sent).singleElement().extracting(Event::data).isEqualTo(new DatasetSealed("cat"));
    }

    @Test
    void anAppPutsThePictureItselfAndAnnouncesItsKey() throws Exception {
        var presigned = send("POST", "/v1/datasets/cat/uploads", null, null);
        assertThat(presigned.statusCode()).isEqualTo(201);
        JsonObject place = new JsonObject(presigned.body());
        String key = place.getString("objectKey");
        assertThat(key).startsWith("uploads/");
        assertThat(place.getString("put")).contains(key);
        assertThat(sent).isEmpty();

        String body = new JsonObject()
                .put("objectKey", key)
                .put("caption", "a cat")
                .put("fileName", "a.jpg")
                .encode();
        var reply = send("POST", "/v1/datasets/cat/images", "application/json", json(body));

        assertThat(reply.statusCode()).isEqualTo(202);
        assertThat(sent)
                .singleElement()
                .extracting(Event::data)
                .isEqualTo(new ImageUploaded("cat", "a.jpg", "a cat", null, null, key, null, null));
    }

    @Test
    void aSmallPictureMayBeInTheJson() throws Exception {
        String body = new JsonObject()
                .put("bytes", Base64.getEncoder().encodeToString(PLAIN))
                .encode();

        var reply = send("POST", "/v1/datasets/cat/images", "application/json", json(body));

        assertThat(reply.statusCode()).isEqualTo(202);
        assertThat(((ImageUploaded) sent.get(0).data()).bytes()).isEqualTo(PLAIN);
    }

    @Test
    void anAnnouncementThatIngestWouldRefuseIsRefusedAtOnce() throws Exception {
        String path = "/v1/datasets/cat/images";
        assertRefused(send("POST", path, "application/json", json("{}")), 400, "malformed_event");
        assertRefused(
                send("POST", path, "application/json", json("{\"objectKey\": \"../a\"}")), 400, "malformed_event");
        assertRefused(send("POST", path, "application/json", json("{\"objectKey\": 1}")), 400, "bad_upload");
        assertRefused(send("POST", path, "application/json", json("no JSON")), 400, "bad_upload");
        assertRefused(
                send("POST", path, "application/json", json("{\"dataset\": \"dog\", \"objectKey\": \"a\"}")),
                400,
                "two_datasets");
    }

    @Test
    void aClientHearsThatKafkaIsAway() throws Exception {
        kafkaIsAway = true;

        assertRefused(send("POST", "/v1/datasets/cat/seal", null, null), 503, "kafka_unavailable");
        assertRefused(post("/v1/datasets/cat/images", new Form().file("a.jpg", PLAIN)), 503, "kafka_unavailable");
        assertNothingIsLeftOver();
    }

    private TrainingSpec specOf(String dataset) throws Exception {
        var reply = send("GET", "/v1/datasets/" + dataset, null, null);
        assertThat(reply.statusCode()).isEqualTo(200);
        byte[] spec =
                new JsonObject(reply.body()).getJsonObject("spec").encode().getBytes(StandardCharsets.UTF_8);
        return EventJson.read(spec, TrainingSpec.class);
    }

    private void assertRefused(HttpResponse<String> reply, int status, String error) {
        assertThat(reply.body()).startsWith("{");
        JsonObject body = new JsonObject(reply.body());
        assertThat(body.getString("error")).isEqualTo(error);
        assertThat(reply.statusCode()).isEqualTo(status);
        assertThat(body.getString("detail")).isNotBlank();
        assertThat(body.getString("advice")).isNotBlank();
        assertThat(sent).isEmpty();
    }

    /** The files are deleted after the reply, so not at once. */
    private void assertNothingIsLeftOver() throws IOException {
        boolean empty = false;
        while (!empty && !Thread.currentThread().isInterrupted()) { // the test's own time limit interrupts
            try (var files = Files.list(work)) {
                empty = files.findAny().isEmpty();
            }
        }
        assertThat(work).isEmptyDirectory();
    }

    private HttpResponse<String> post(String path, Form form) throws Exception {
        return send("POST", path, "multipart/form-data; boundary=" + BOUNDARY, form.bytes());
    }

    private HttpResponse<String> send(String method, String path, String contentType, byte[] body) throws Exception {
        var request = HttpRequest.newBuilder(address.resolve(path))
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body));
        if (contentType != null) {
            request.header("content-type", contentType);
        }
        return client.send(request.build(), BodyHandlers.ofString());
    }

    private static byte[] json(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** A multipart form, as curl writes it. */
    private static final class Form {
        private final ByteArrayOutputStream parts = new ByteArrayOutputStream();

        Form field(String name, String value) {
            return part("form-data; name=\"%s\"".formatted(name), "", value.getBytes(StandardCharsets.UTF_8));
        }

        Form file(String fileName, byte[] bytes) {
            return part(
                    "form-data; name=\"image\"; filename=\"%s\"".formatted(fileName),
                    "Content-Type: application/octet-stream\r\n",
                    bytes);
        }

        byte[] bytes() {
            var whole = new ByteArrayOutputStream();
            whole.writeBytes(parts.toByteArray());
            whole.writeBytes(("--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.UTF_8));
            return whole.toByteArray();
        }

        private Form part(String disposition, String header, byte[] bytes) {
            String head = "--%s\r\nContent-Disposition: %s\r\n%s\r\n".formatted(BOUNDARY, disposition, header);
            parts.writeBytes(head.getBytes(StandardCharsets.UTF_8));
            parts.writeBytes(bytes);
            parts.writeBytes("\r\n".getBytes(StandardCharsets.UTF_8));
            return this;
        }
    }
}
