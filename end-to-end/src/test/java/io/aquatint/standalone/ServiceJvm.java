package io.aquatint.standalone;

import io.aquatint.runtime.config.ObjectStoreConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** A service in a process of its own, as people run it. */
final class ServiceJvm {
    private ServiceJvm() {}

    /** @param log where it writes what it has to say */
    static Process start(
            Infrastructure infrastructure, Class<?> main, String heap, Path log, Map<String, String> environment)
            throws IOException {
        var builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                "-cp",
                System.getProperty("java.class.path"),
                main.getName());
        ObjectStoreConfig store = infrastructure.objects().config();
        builder.environment()
                .putAll(Map.of(
                        "AQUATINT_KAFKA_BOOTSTRAP", infrastructure.broker().bootstrap(),
                        "AQUATINT_STORE_ENDPOINT", store.endpoint().toString(),
                        "AQUATINT_STORE_ACCESS_KEY", store.accessKey(),
                        "AQUATINT_STORE_SECRET_KEY", store.secretKey(),
                        "AQUATINT_HTTP_PORT", "0"));
        builder.environment().putAll(environment);
        return builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }
}
