package io.aquatint.trainer;

import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How a trainer works.
 *
 * @param work where base models and scratch files are kept; {@code .cache/aquatint} of the user's home when empty
 * @param workerName what events call this trainer; host and process number when empty
 * @param maxDeliveries after so many attempts a training fails for good; below Kafka's own limit of 5, at which it drops a job
 *     without a word
 * @param retryPause how long a job that failed for the moment is held before it is given back
 */
public record TrainerSettings(
        @ConfigKey("trainer.work") @ConfigDefault("") Path work,
        @ConfigKey("trainer.worker.name") @ConfigDefault("") String workerName,

        @ConfigKey("trainer.max.deliveries") @ConfigDefault("3")
        int maxDeliveries,

        @ConfigKey("trainer.retry.pause") @ConfigDefault("PT10S")
        Duration retryPause) {

    private static final int KAFKA_LIMIT = 5;

    public TrainerSettings {
        if (maxDeliveries < 1 || maxDeliveries >= KAFKA_LIMIT) {
            throw new IllegalArgumentException(
                    "'trainer.max.deliveries' is %d, but must be 1 to %d: Kafka drops a job at %d"
                            .formatted(maxDeliveries, KAFKA_LIMIT - 1, KAFKA_LIMIT));
        }
        if (retryPause.isNegative()) {
            throw new IllegalArgumentException(
                    "'trainer.retry.pause' is %s, but must not be negative".formatted(retryPause));
        }
        work = work.toString().isEmpty() ? Path.of(System.getProperty("user.home"), ".cache", "aquatint") : work;
        workerName = workerName.isBlank() ? hostAndProcess() : workerName;
    }

    /** The defaults, with a work folder. */
    public static TrainerSettings in(Path work) {
        return new TrainerSettings(work, "", 3, Duration.ofSeconds(10));
    }

    private static String hostAndProcess() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            host = "localhost"; // a machine that cannot look up its own name
        }
        return host + "-" + ProcessHandle.current().pid();
    }
}
