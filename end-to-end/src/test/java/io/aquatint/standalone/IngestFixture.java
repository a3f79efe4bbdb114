package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.BatchCompleted;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.VerdictEvent;
import io.aquatint.ingest.IngestMain;
import io.aquatint.ingest.IngestSettings;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.lifecycle.Service;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.json.JsonObject;
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
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A broker, a store and an upload app that knows nothing of ours, for ingest and the batcher. */
abstract class IngestFixture {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    private static final String SPEC =
            "{\"dataset\": \"%s\", \"spec\": {\"resolution\": 64, \"imagesPerBatch\": %d, \"minimumImages\": 5, \"quietSeconds\": 3600}}";

    @TempDir
    static Path work;

    final List<Event<VerdictEvent>> verdicts = new CopyOnWriteArrayList<>();
    private final List<TrainingRequested> requests = new CopyOnWriteArrayList<>();
    private final List<DatasetEvent> datasetEvents = new CopyOnWriteArrayList<>();
    private EventTail tail;
    PlainProducer app;

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

    /** Ingest and the batcher, as their process has them. */
    static final class Services implements AutoCloseable {
        final List<Service> all;

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

    void addRequest(TrainingRequest request) {
        if (request instanceof TrainingRequested requested) {
            requests.add(requested);
        }
    }

    List<ImageAccepted> accepted(String dataset) {
        return of(dataset, ImageAccepted.class);
    }

    List<ImageRejected> rejected(String dataset) {
        return of(dataset, ImageRejected.class);
    }

    <T extends VerdictEvent> List<T> of(String dataset, Class<T> type) {
        return verdicts.stream()
                .map(Event::data)
                .filter(verdict -> verdict.dataset().equals(dataset))
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    List<TrainingRequested> requestsOf(String dataset) {
        return requests.stream()
                .filter(request -> request.dataset().equals(dataset))
                .toList();
    }

    List<DatasetEvent> datasetEventsOf(String dataset) {
        return datasetEvents.stream()
                .filter(event -> event.dataset().equals(dataset))
                .toList();
    }

    List<BatchCompleted> completed(String dataset) {
        return datasetEventsOf(dataset).stream()
                .filter(BatchCompleted.class::isInstance)
                .map(BatchCompleted.class::cast)
                .toList();
    }

    static void await(BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("a minute and a half passed").isLessThan(end);
            TimeUnit.MILLISECONDS.sleep(50);
        }
    }

    void configure(String dataset, int imagesPerBatch) throws Exception {
        upload(dataset, "configure-" + dataset, "dataset.configured", SPEC.formatted(dataset, imagesPerBatch));
    }

    void seal(String dataset) throws Exception {
        upload(dataset, "seal-" + dataset, "dataset.sealed", "{\"dataset\": \"%s\"}".formatted(dataset));
    }

    void picture(String dataset, int number) throws Exception {
        upload(dataset, dataset + "-" + number, image(dataset, NoisePicture.png(number)));
    }

    void upload(String dataset, String id, String json) throws Exception {
        upload(dataset, id, "image.uploaded", json);
    }

    void upload(String dataset, String id, String type, String json) throws Exception {
        app.send(Topics.IMAGE_UPLOADS, dataset, id, type, json);
    }

    static String stored(String dataset, String objectKey) {
        return new JsonObject()
                .put("dataset", dataset)
                .put("objectKey", objectKey)
                .encode();
    }

    static String image(String dataset, byte[] bytes) {
        return "{\"dataset\": \"%s\", \"caption\": \"a zwx cat\", \"bytes\": \"%s\"}"
                .formatted(dataset, Base64.getEncoder().encodeToString(bytes));
    }

    static byte[] form(byte[] picture) {
        var form = new ByteArrayOutputStream();
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nposted\r\n"
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
                .getBytes(StandardCharsets.UTF_8));
        form.writeBytes(picture);
        form.writeBytes("\r\n--b--\r\n".getBytes(StandardCharsets.UTF_8));
        return form.toByteArray();
    }

    static HttpResponse<String> http(String method, URI address, String contentType, byte[] body)
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
    static String deadLetter(String dataset) {
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
