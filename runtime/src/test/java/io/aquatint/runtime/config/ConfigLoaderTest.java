package io.aquatint.runtime.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigLoaderTest {
    private static final Map<String, String> CREDENTIALS =
            Map.of("AQUATINT_STORE_ACCESS_KEY", "me", "AQUATINT_STORE_SECRET_KEY", "hidden");

    @TempDir
    Path folder;

    @Test
    void whatIsNotGivenHasItsDefault() {
        ObjectStoreConfig config = ConfigLoader.load(ObjectStoreConfig.class, Map.of(), Optional.empty(), CREDENTIALS);

        assertThat(config.endpoint()).isEqualTo(URI.create("http://localhost:9000"));
        assertThat(config.bucket()).isEqualTo("aquatint");
        assertThat(config.accessKey()).isEqualTo("me");
    }

    @Test
    void aFlagBeatsTheEnvironmentAndTheEnvironmentTheFile() throws Exception {
        Path file = Files.writeString(folder.resolve("a.properties"), "kafka.bootstrap=file:1\n");
        Map<String, String> environment = Map.of("AQUATINT_KAFKA_BOOTSTRAP", "environment:1");
        Map<String, String> flags = Map.of("kafka.bootstrap", "flag:1");

        assertThat(ConfigLoader.load(KafkaConfig.class, Map.of(), Optional.of(file), Map.of())
                        .bootstrap())
                .isEqualTo("file:1");
        assertThat(ConfigLoader.load(KafkaConfig.class, Map.of(), Optional.of(file), environment)
                        .bootstrap())
                .isEqualTo("environment:1");
        assertThat(ConfigLoader.load(KafkaConfig.class, flags, Optional.of(file), environment)
                        .bootstrap())
                .isEqualTo("flag:1");
    }

    /** Two settings that must be given. */
    public record Door(
            @ConfigKey("door.name") String name,
            @ConfigKey("door.width") int width) {}

    @Test
    void everyProblemIsNamedAtOnce() throws Exception {
        Path file = Files.writeString(folder.resolve("a.properties"), "door.nmae=front\ndoor.width=wide\n");

        assertThatThrownBy(() -> ConfigLoader.load(Door.class, Map.of(), Optional.of(file), Map.of()))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("unknown key 'door.nmae' (file a.properties); did you mean 'door.name'?")
                .hasMessageContaining("'door.name' is missing")
                .hasMessageContaining("'door.width' (file a.properties) is 'wide', but must be a whole number");
    }

    @Test
    void aVariableOfAnotherProgramIsLeftAlone() {
        Map<String, String> environment = Map.of("AQUATINT_JAVA_OPTIONS", "-Xmx2g");

        assertThat(ConfigLoader.load(KafkaConfig.class, Map.of(), Optional.empty(), environment)
                        .bootstrap())
                .isEqualTo("localhost:9092");
    }

    @Test
    void aVariableThatIsNearlyAKnownOneIsASlip() {
        Map<String, String> environment = Map.of("AQUATINT_KAFKA_BOOTSTRAPS", "kafka:9092");

        assertThatThrownBy(() -> ConfigLoader.load(KafkaConfig.class, Map.of(), Optional.empty(), environment))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("AQUATINT_KAFKA_BOOTSTRAPS")
                .hasMessageContaining("did you mean 'kafka.bootstrap'?");
    }

    @Test
    void aDefaultThatIsKnownOnlyAtRunTimeGivesWayToEverythingElse() {
        Map<String, String> defaults = Map.of("kafka.bootstrap", "default:1");

        assertThat(ConfigLoader.load(KafkaConfig.class, Map.of(), Optional.empty(), Map.of(), defaults)
                        .bootstrap())
                .isEqualTo("default:1");
        assertThat(ConfigLoader.load(
                                KafkaConfig.class,
                                Map.of(),
                                Optional.empty(),
                                Map.of("AQUATINT_KAFKA_BOOTSTRAP", "environment:1"),
                                defaults)
                        .bootstrap())
                .isEqualTo("environment:1");
    }

    @Test
    void aSecretIsNotPrinted() {
        ObjectStoreConfig config = ConfigLoader.load(ObjectStoreConfig.class, Map.of(), Optional.empty(), CREDENTIALS);

        assertThat(config.toString()).contains("me").doesNotContain("hidden");
    }
}
