package io.aquatint.standalone;

import io.aquatint.ingest.image.Limits;
import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.config.HttpConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a standalone process is told.
 *
 * @param data where everything is kept
 * @param kafkaPort 0 takes a free one
 * @param storePort 0 takes a free one
 * @param scoreWait a model is published without scores when the validator gave none so long after the training
 */
public record StandaloneConfig(
        @ConfigKey("data") Path data,

        @ConfigKey("kafka.port") @ConfigDefault("9092") int kafkaPort,

        @ConfigKey("store.port") @ConfigDefault("9000") int storePort,

        HttpConfig http,

        @ConfigKey("ingest.max.bytes") @ConfigDefault("33554432")
        long maxBytes,

        @ConfigKey("ingest.max.pixels") @ConfigDefault("50000000")
        long maxPixels,

        @ConfigKey("registry.score.wait") @ConfigDefault("PT10M")
        Duration scoreWait) {

    /** With the defaults for all that is not named. */
    public static StandaloneConfig of(Path data, int kafkaPort, int storePort, HttpConfig http) {
        return new StandaloneConfig(
                data,
                kafkaPort,
                storePort,
                http,
                Limits.DEFAULT.bytes(),
                Limits.DEFAULT.pixels(),
                Duration.ofMinutes(10));
    }

    /** From flags, environment and file; kept in {@code ~/.aquatint} and served on loopback unless they say otherwise. */
    public static StandaloneConfig load(
            Map<String, String> flags, Optional<Path> file, Map<String, String> environment) {
        Map<String, String> defaults = new HashMap<>();
        defaults.put(
                "data", Path.of(System.getProperty("user.home"), ".aquatint").toString());
        defaults.put("http.host", "localhost");
        return ConfigLoader.load(StandaloneConfig.class, flags, file, environment, defaults);
    }

    Limits limits() {
        return new Limits(maxBytes, maxPixels, Limits.DEFAULT.smallestSide());
    }
}
