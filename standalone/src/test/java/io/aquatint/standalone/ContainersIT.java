package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.ModelReady;
import io.aquatint.events.Topics;
import io.aquatint.ingest.IngestConfig;
import io.aquatint.ingest.IngestMain;
import io.aquatint.ingest.image.Limits;
import io.aquatint.registry.RegistryService;
import io.aquatint.registry.RegistrySettings;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.trainer.TrainerService;
import io.aquatint.trainer.TrainerSettings;
import io.aquatint.validator.ValidatorService;
import io.aquatint.validator.ValidatorSettings;
import io.micrometer.core.instrument.MeterRegistry;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/** Kafka and the object store as they run in production, in containers. */
@Timeout(240)
@EnabledIf(
        value = "dockerAnswers",
        disabledReason = "Docker does not answer: Kafka and the object store are tried inside the JVM alone")
final class ContainersIT extends ObjectStoreContract {
    private static KafkaContainer kafka;
    private static GenericContainer<?> s3;

    static boolean dockerAnswers() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    @BeforeAll
    static void startContainers() {
        ObjectStoreConfig keys = ObjectStoreConfig.local(URI.create("http://localhost"));
        kafka = new KafkaContainer(DockerImageName.parse("apache/kafka:4.3.1"))
                .withEnv("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
                .withEnv("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR", "1")
                .withEnv("KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR", "1");
        s3 = new GenericContainer<>(DockerImageName.parse("pgsty/minio:latest"))
                .withCommand("server", "/data")
                .withEnv("MINIO_ROOT_USER", keys.accessKey())
                .withEnv("MINIO_ROOT_PASSWORD", keys.secretKey())
                .withExposedPorts(9000)
                .waitingFor(Wait.forHttp("/minio/health/live").forPort(9000));
        kafka.start();
        s3.start();
    }

    @AfterAll
    static void stopContainers() {
        if (s3 != null) {
            s3.stop();
        }
        if (kafka != null) {
            kafka.stop();
        }
    }

    @Override
    ObjectStoreConfig config() {
        return ObjectStoreConfig.local(URI.create("http://%s:%d".formatted(s3.getHost(), s3.getMappedPort(9000))));
    }

    @Test
    void recordsOfAPlainProducerBecomeAModelWhoseFilesCanBeFetched(@TempDir Path work) throws Exception {
        var kafkaConfig = new KafkaConfig(kafka.getBootstrapServers());
        var http = new HttpConfig("localhost", 0);
        BlockingQueue<ModelReady> ready = new LinkedBlockingQueue<>();
        try (var process = new ServiceProcess(
                        kafkaConfig,
                        config(),
                        http,
                        (connected, store, metrics) -> services(kafkaConfig, http, work, connected, store, metrics));
                var tail = new EventTail(process.kafka(), "test").on(Topics.MODEL_EVENTS, event -> {
                    if (event.data() instanceof ModelReady model) {
                        ready.add(model);
                    }
                })) {
            tail.start();
            try (var producer = new KafkaProducer<String, byte[]>(
                    Map.of("bootstrap.servers", kafka.getBootstrapServers()),
                    new StringSerializer(),
                    new ByteArraySerializer())) {
                send(
                        producer,
                        "dataset.configured",
                        "configured",
                        "{\"dataset\": \"cats\", \"spec\": {\"resolution\": 64, \"rank\": 2, \"steps\": 4, \"checkpointEvery\": 2,"
                                + " \"imagesPerBatch\": 50, \"minimumImages\": 5, \"sampleSteps\": 2,"
                                + " \"samplePrompts\": [\"a photo of a cat\"]}}");
                for (int i = 0; i < 5; i++) {
                    send(
                            producer,
                            "image.uploaded",
                            "picture-" + i,
                            "{\"dataset\": \"cats\", \"caption\": \"a photo of a cat\", \"bytes\": \"%s\"}"
                                    .formatted(Base64.getEncoder().encodeToString(picture(i))));
                }
                send(producer, "dataset.sealed", "sealed", "{\"dataset\": \"cats\"}");
            }

            ModelReady model = ready.poll(150, TimeUnit.SECONDS);

            assertThat(model).as("no model was ready in time").isNotNull();
            assertThat(model.modelId()).isEqualTo("cats/1");
            assertThat(model.artifacts()).hasSize(2).allSatisfy(artifact -> {
                HttpResponse<byte[]> file = HttpClient.newHttpClient()
                        .send(
                                HttpRequest.newBuilder(URI.create(artifact.url()))
                                        .build(),
                                HttpResponse.BodyHandlers.ofByteArray());
                assertThat(file.statusCode()).isEqualTo(200);
                assertThat(Sha256.of(file.body())).isEqualTo(artifact.sha256());
            });
        }
    }

    private List<Service> services(
            KafkaConfig kafkaConfig,
            HttpConfig http,
            Path work,
            Kafka connected,
            ObjectStore store,
            MeterRegistry metrics) {
        var ingest = new IngestConfig(
                kafkaConfig, config(), http, Limits.DEFAULT.bytes(), Limits.DEFAULT.pixels(), work.resolve("ingest"));
        var services = new ArrayList<Service>();
        services.add(
                new RegistryService(connected, store, new RegistrySettings(work, Duration.ofMinutes(10), ""), metrics));
        services.add(new ValidatorService(connected, store, new ValidatorSettings(work), metrics));
        services.add(new TrainerService(connected, store, TrainerSettings.in(work), metrics));
        services.addAll(IngestMain.services(connected, store, ingest, metrics));
        return services;
    }

    private static void send(KafkaProducer<String, byte[]> producer, String type, String id, String json)
            throws Exception {
        var record = new ProducerRecord<>(Topics.IMAGE_UPLOADS.name(), "cats", json.getBytes(StandardCharsets.UTF_8));
        Map.of("ce_specversion", "1.0", "ce_id", id, "ce_source", "/my-upload-app", "ce_type", type)
                .forEach((name, value) -> record.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        producer.send(record).get();
    }

    private static byte[] picture(int seed) throws IOException {
        var image = new BufferedImage(80, 64, BufferedImage.TYPE_INT_RGB);
        var random = new Random(seed);
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                image.setRGB(x, y, random.nextInt());
            }
        }
        var bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }
}
