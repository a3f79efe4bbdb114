package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.runtime.config.ConfigLoader;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ValidatorConfigTest {
    private static final Map<String, String> STORE = Map.of("store.access.key", "a", "store.secret.key", "b");

    @Test
    void everythingButTheStoresKeysHasADefault() {
        ValidatorConfig config = ConfigLoader.load(ValidatorConfig.class, STORE, Optional.empty(), Map.of());
        assertThat(config.kafka().bootstrap()).isEqualTo("localhost:9092");
        assertThat(config.http().port()).isEqualTo(8080);
        assertThat(config.validator().work()).isEqualTo(Path.of(System.getProperty("user.home"), ".cache", "aquatint"));
    }

    @Test
    void theEnvironmentIsHeard() {
        ValidatorConfig config = ConfigLoader.load(
                ValidatorConfig.class, STORE, Optional.empty(), Map.of("AQUATINT_VALIDATOR_WORK", "/data"));
        assertThat(config.validator().work()).isEqualTo(Path.of("/data"));
    }
}
