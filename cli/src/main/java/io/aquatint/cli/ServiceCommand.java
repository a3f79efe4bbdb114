package io.aquatint.cli;

import io.aquatint.ingest.IngestMain;
import io.aquatint.registry.RegistryMain;
import io.aquatint.trainer.TrainerMain;
import io.aquatint.validator.ValidatorMain;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** One service alone, against a Kafka and an object store that run elsewhere. */
abstract class ServiceCommand implements Callable<Integer> {
    private final Main main;

    @Mixin
    private ConnectionOptions connection = new ConnectionOptions();

    /** Runs until the process is told to end. */
    @FunctionalInterface
    private interface Main {
        void run(Map<String, String> flags, Optional<Path> file, Map<String, String> environment);
    }

    private ServiceCommand(Main main) {
        this.main = main;
    }

    @Override
    public Integer call() {
        main.run(connection.flags(), connection.file(), System.getenv());
        return 0;
    }

    @Command(
            name = "ingest",
            description = "Run ingest alone: uploads in; cropped, checked pictures and complete batches out.",
            mixinStandardHelpOptions = true)
    static final class Ingest extends ServiceCommand {
        Ingest() {
            super(IngestMain::run);
        }
    }

    @Command(
            name = "trainer",
            description = "Run a trainer alone: training requests in, checkpoints and progress out.",
            mixinStandardHelpOptions = true)
    static final class Trainer extends ServiceCommand {
        Trainer() {
            super(TrainerMain::run);
        }
    }

    @Command(
            name = "validator",
            description = "Run the validator alone: checkpoints in; samples, scores and alerts out.",
            mixinStandardHelpOptions = true)
    static final class Validator extends ServiceCommand {
        Validator() {
            super(ValidatorMain::run);
        }
    }

    @Command(
            name = "registry",
            description = "Run the registry alone: model versions, their files and REST.",
            mixinStandardHelpOptions = true)
    static final class Registry extends ServiceCommand {
        Registry() {
            super(RegistryMain::run);
        }
    }
}
