package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.ModelReady;
import io.aquatint.events.Topics;
import io.aquatint.ingest.IngestSettings;
import io.aquatint.registry.RegistrySettings;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import io.aquatint.runtime.store.Sha256;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
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
                        (connected, store, metrics) -> Standalone.services(
                                connected,
                                store,
                                IngestSettings.in(work.resolve("ingest")),
                                new RegistrySettings(work, Duration.ofMinutes(10), ""),
                                work,
                                metrics));
                var tail = new EventTail(process.kafka(), "test").on(Topics.MODEL_EVENTS, event -> {
                    if (event.data() instanceof ModelReady model) {
                        ready.add(model);
                    }
                })) {
            tail.start();
            try (var producer = new PlainProducer(kafka.getBootstrapServers())) {
                producer.send(
                        Topics.IMAGE_UPLOADS,
                        "cats",
                        "configured",
                        "dataset.configured",
                        "{\"dataset\": \"cats\", \"spec\": {\"resolution\": 64, \"rank\": 2, \"steps\": 4, \"checkpointEvery\": 2,"
                                + " \"imagesPerBatch\": 50, \"minimumImages\": 5, \"sampleSteps\": 2,"
                                + " \"samplePrompts\": [\"a photo of a cat\"]}}");
                for (int i = 0; i < 5; i++) {
                    producer.send(
                            Topics.IMAGE_UPLOADS,
                            "cats",
                            "picture-" + i,
                            "image.uploaded",
                            "{\"dataset\": \"cats\", \"caption\": \"a photo of a cat\", \"bytes\": \"%s\"}"
                                    .formatted(Base64.getEncoder().encodeToString(NoisePicture.png(i))));
                }
                producer.send(Topics.IMAGE_UPLOADS, "cats", "sealed", "dataset.sealed", "{\"dataset\": \"cats\"}");
            }

            ModelReady model = ready.poll(150, TimeUnit.SECONDS);

            assertThat(model).as("no model was ready in time").isNotNull();
            assertThat(model.modelId()).isEqualTo("cats/1");
            assertThat(model.artifacts()).hasSize(2).allSatisfy(artifact -> {
                HttpResponse<byte[]> file = Http.get(artifact.url());
                assertThat(file.statusCode()).isEqualTo(200);
                assertThat(Sha256.of(file.body())).isEqualTo(artifact.sha256());
            });
        }
    }
}
