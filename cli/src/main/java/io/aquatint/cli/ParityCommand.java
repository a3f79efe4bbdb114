package io.aquatint.cli;

import io.aquatint.diffusion.parity.ParityRunner;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "parity",
        description = "Compare with reference results of diffusers.",
        footer = {
            "",
            "Prints a line a case: its name, the relative error ||out - ref|| / ||ref||, and ok, FAILED or unsupported.",
            "The exit code is 1 unless all are ok."
        },
        mixinStandardHelpOptions = true)
final class ParityCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "DIR", description = "The folder: model/ and cases/.")
    private Path folder = Path.of("");

    @Override
    public Integer call() {
        if (!Files.isDirectory(folder)) {
            throw new ParameterException(spec.commandLine(), folder + " is no folder");
        }
        return ParityRunner.run(folder, System.out);
    }
}
