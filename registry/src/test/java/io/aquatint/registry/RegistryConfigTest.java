package io.aquatint.registry;

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

class RegistryConfigTest {
    @Test
    void everythingButTheStoresKeysHasADefault() {
        RegistrySettings settings = load(Map.of()).registry();
        assertThat(settings.work()).isEqualTo(Path.of(System.getProperty("user.home"), ".cache", "aquatint"));
        assertThat(settings.scoreWait()).isEqualTo(Duration.ofMinutes(10));
        assertThat(settings.publicUrl()).isEmpty();
    }

    @Test
    void whatCannotBeRightIsRefusedByItsKey() {
        assertThatThrownBy(() -> load(Map.of("registry.public.url", "models.example.com")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("registry.public.url");
        assertThatThrownBy(() -> load(Map.of("registry.score.wait", "-PT1S")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("registry.score.wait");
    }

    private static RegistryConfig load(Map<String, String> more) {
        Map<String, String> flags = new HashMap<>(Map.of("store.access.key", "a", "store.secret.key", "b"));
        flags.putAll(more);
        return ConfigLoader.load(RegistryConfig.class, flags, Optional.empty(), Map.of());
    }
}
