package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.runtime.config.ConfigException;
import io.aquatint.runtime.config.ConfigLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TrainerSettingsTest {
    @Test
    void everythingButTheStoresKeysHasADefault() {
        TrainerConfig config = load(Map.of());
        assertThat(config.kafka().bootstrap()).isEqualTo("localhost:9092");
        assertThat(config.http().port()).isEqualTo(8080);
        assertThat(config.trainer().work()).isEqualTo(Path.of(System.getProperty("user.home"), ".cache", "aquatint"));
        assertThat(config.trainer().workerName())
                .endsWith("-" + ProcessHandle.current().pid());
        assertThat(config.trainer().maxDeliveries()).isEqualTo(3);
        assertThat(config.trainer().retryPause()).isEqualTo(Duration.ofSeconds(10));
    }

    @Test
    void whatIsGivenCounts() {
        TrainerConfig config =
                load(Map.of("trainer.work", "/models", "trainer.worker.name", "gpu-1", "trainer.max.deliveries", "2"));
        assertThat(config.trainer())
                .isEqualTo(new TrainerSettings(Path.of("/models"), "gpu-1", 2, Duration.ofSeconds(10)));
    }

    @Test
    void moreDeliveriesThanKafkaAllowsAreRefused() {
        assertThatThrownBy(() -> load(Map.of("trainer.max.deliveries", "5")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("'trainer.max.deliveries' is 5, but must be 1 to 4");
    }

    private static TrainerConfig load(Map<String, String> given) {
        Map<String, String> flags = new HashMap<>(given);
        flags.put("store.access.key", "a");
        flags.put("store.secret.key", "b");
        return ConfigLoader.load(TrainerConfig.class, flags, Optional.empty(), Map.of());
    }
}
