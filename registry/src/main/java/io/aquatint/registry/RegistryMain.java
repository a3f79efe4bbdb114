package io.aquatint.registry;

import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The registry as a process of its own. */
public final class RegistryMain {
    private RegistryMain() {}

    public static void main(String[] args) {
        run(Map.of(), Optional.empty(), System.getenv());
    }

    /** Runs until the process is told to end. */
    public static void run(Map<String, String> flags, Optional<Path> file, Map<String, String> environment) {
        RegistryConfig config = ConfigLoader.load(RegistryConfig.class, flags, file, environment);
        ServiceProcess.run(
                "registry",
                config.kafka(),
                config.store(),
                config.http(),
                (kafka, store, metrics) -> List.of(new RegistryService(kafka, store, config.registry(), metrics)));
    }
}
