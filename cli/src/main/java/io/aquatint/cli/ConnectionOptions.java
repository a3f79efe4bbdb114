package io.aquatint.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * Where Kafka and the object store are. A flag wins over the environment ({@code AQUATINT_KAFKA_BOOTSTRAP} for
 * {@code kafka.bootstrap} and so on), the environment over the file.
 */
final class ConnectionOptions {
    @Option(names = "--bootstrap", paramLabel = "HOST:PORT", description = "Kafka's brokers (default: localhost:9092).")
    private @Nullable String bootstrap;

    @Option(names = "--s3", paramLabel = "URL", description = "The object store (default: http://localhost:9000).")
    private @Nullable String endpoint;

    @Option(names = "--s3-bucket", paramLabel = "NAME", description = "Its bucket (default: aquatint).")
    private @Nullable String bucket;

    @Option(names = "--s3-access-key", paramLabel = "KEY", description = "Who asks.")
    private @Nullable String accessKey;

    @Option(
            names = "--s3-secret-key",
            paramLabel = "KEY",
            description = "Its secret; better given as AQUATINT_STORE_SECRET_KEY or in the file.")
    private @Nullable String secretKey;

    @Option(names = "--config", paramLabel = "FILE", description = "A properties file: kafka.bootstrap=... and so on.")
    private @Nullable Path file;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Any other setting of the file, for example http.port=8081.")
    private Map<String, String> settings = new LinkedHashMap<>();

    /** The flags by the key of the setting. */
    Map<String, String> flags() {
        return new Flags(settings)
                .with("kafka.bootstrap", bootstrap)
                .with("store.endpoint", endpoint)
                .with("store.bucket", bucket)
                .with("store.access.key", accessKey)
                .with("store.secret.key", secretKey)
                .toMap();
    }

    Optional<Path> file() {
        return Optional.ofNullable(file);
    }
}
