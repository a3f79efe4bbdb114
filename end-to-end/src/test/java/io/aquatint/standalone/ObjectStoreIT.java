package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.store.S3ObjectStore;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The store inside the JVM. */
@Timeout(120)
final class ObjectStoreIT extends ObjectStoreContract {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    @Override
    ObjectStoreConfig config() {
        return INFRASTRUCTURE.objects().config();
    }

    @Test
    void objectsSurviveARestartOfTheStore(@TempDir Path folder) throws Exception {
        try (var first = EmbeddedObjectStore.start(folder, 0);
                var client = new S3ObjectStore(first.config())) {
            client.ensureBucket();
            client.put("kept/one", new byte[] {1, 2, 3}, "image/png");
        }
        try (var second = EmbeddedObjectStore.start(folder, 0);
                var client = new S3ObjectStore(second.config())) {
            client.ensureBucket();
            assertThat(client.get("kept/one")).containsExactly(1, 2, 3);
        }
        assertThat(Files.isDirectory(folder)).isTrue();
    }
}
