package io.aquatint.cli;

import io.aquatint.standalone.Standalone;
import io.aquatint.standalone.StandaloneConfig;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "up",
        description = "Run a Kafka broker, an S3 store and the four services in one process, until Ctrl-C.",
        footer = {
            "",
            "What is in the data folder is there again at the next start. Other programs reach Kafka and the store at the",
            "addresses that are printed; 'aquatint upload' and 'aquatint watch' find them at the default ports."
        },
        mixinStandardHelpOptions = true)
final class UpCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(names = "--data", paramLabel = "DIR", description = "Where everything is kept (default: ~/.aquatint).")
    private @Nullable Path data;

    @Option(names = "--kafka-port", paramLabel = "PORT", description = "Kafka's port (default: 9092).")
    private @Nullable String kafkaPort;

    @Option(names = "--s3-port", paramLabel = "PORT", description = "The object store's port (default: 9000).")
    private @Nullable String storePort;

    @Option(names = "--http-port", paramLabel = "PORT", description = "The port of REST and metrics (default: 8080).")
    private @Nullable String httpPort;

    @Option(names = "--config", paramLabel = "FILE", description = "A properties file with these and other settings.")
    private @Nullable Path file;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Any other setting, for example http.host=0.0.0.0.")
    private Map<String, String> settings = new LinkedHashMap<>();

    @Override
    public Integer call() {
        Map<String, String> flags = new Flags(settings)
                .with("data", data)
                .with("kafka.port", kafkaPort)
                .with("store.port", storePort)
                .with("http.port", httpPort)
                .toMap();
        StandaloneConfig config = StandaloneConfig.load(flags, Optional.ofNullable(file), System.getenv());
        PrintWriter out = spec.commandLine().getOut();
        try (Standalone standalone = Standalone.start(config)) {
            out.printf("%-9s %s%n", "data", config.data().toAbsolutePath());
            Addresses.print(out, standalone);
            standalone.awaitReady();
            out.println("Up; Ctrl-C ends it.");
            out.flush();
            standalone.awaitEnd();
        }
        return 0;
    }
}
