package io.aquatint.trainer;

import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A trainer as a process of its own. */
public final class TrainerMain {
    private TrainerMain() {}

    /** @param arguments a properties file, or nothing */
    public static void main(String[] arguments) {
        run(Map.of(), Arrays.stream(arguments).findFirst().map(Path::of), System.getenv());
    }

    /** Trains until the process is told to end. */
    public static void run(Map<String, String> flags, Optional<Path> file, Map<String, String> environment) {
        TrainerConfig config = ConfigLoader.load(TrainerConfig.class, flags, file, environment);
        ServiceProcess.run(
                "trainer",
                config.kafka(),
                config.store(),
                config.http(),
                (kafka, store, metrics) -> List.of(new TrainerService(kafka, store, config.trainer(), metrics)));
    }
}
