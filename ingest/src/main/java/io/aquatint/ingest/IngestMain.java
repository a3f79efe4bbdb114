package io.aquatint.ingest;

import io.aquatint.ingest.batch.BatcherService;
import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Service;
import io.aquatint.runtime.lifecycle.ServiceProcess;
import io.aquatint.runtime.store.ObjectStore;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One ingest process: uploads and the batcher. */
public final class IngestMain {
    private IngestMain() {}

    public static void main(String[] arguments) {
        run(Map.of(), Optional.empty(), System.getenv());
    }

    /** Runs until it is told to end; flags win over the environment, the environment over the file. */
    public static void run(Map<String, String> flags, Optional<Path> file, Map<String, String> environment) {
        IngestConfig config = ConfigLoader.load(IngestConfig.class, flags, file, environment);
        ServiceProcess.run(
                "ingest",
                config.kafka(),
                config.store(),
                config.http(),
                (kafka, store, metrics) -> services(kafka, store, config.ingest(), metrics));
    }

    /** The services of an ingest process. */
    public static List<Service> services(
            Kafka kafka, ObjectStore store, IngestSettings settings, MeterRegistry metrics) {
        return List.of(new IngestService(kafka, store, settings, metrics), new BatcherService(kafka, settings.work()));
    }
}
