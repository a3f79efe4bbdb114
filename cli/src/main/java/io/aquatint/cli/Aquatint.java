package io.aquatint.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** The command {@code aquatint}. */
@Command(
        name = "aquatint",
        description = "Trains image models from a stream.",
        version = "Aquatint 0.1.0",
        mixinStandardHelpOptions = true,
        subcommands = {
            DemoCommand.class,
            UpCommand.class,
            ServiceCommand.Ingest.class,
            ServiceCommand.Trainer.class,
            ServiceCommand.Validator.class,
            ServiceCommand.Registry.class,
            UploadCommand.class,
            WatchCommand.class,
            GenerateCommand.class,
            PrepareCommand.class,
            TrainCommand.class,
            InspectCommand.class,
            MergeCommand.class,
            ConvertCommand.class,
            ResizeCommand.class,
            ParityCommand.class,
            PretrainCommand.class
        })
public final class Aquatint implements Runnable {
    @CommandLine.Spec
    private CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Option(names = "--debug", scope = CommandLine.ScopeType.INHERIT, description = "Show the stack trace of an error.")
    private boolean debug;

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getErr());
        throw new ParameterException(spec.commandLine(), "name a command");
    }

    /** Runs a command line; the result is the exit code: 0, 1 for a failure, 2 for a wrong command line. */
    static int execute(String... arguments) {
        return execute(new PrintWriter(System.out, true, StandardCharsets.UTF_8), arguments);
    }

    static int execute(PrintWriter out, String... arguments) {
        return execute(out, new PrintWriter(System.err, true, StandardCharsets.UTF_8), arguments);
    }

    static int execute(PrintWriter out, PrintWriter err, String... arguments) {
        Aquatint aquatint = new Aquatint();
        return new CommandLine(aquatint)
                .setOut(out)
                .setErr(err)
                .setExecutionExceptionHandler((exception, commandLine, parsed) -> {
                    if (aquatint.debug) {
                        exception.printStackTrace(commandLine.getErr());
                    }
                    complain(commandLine, Failures.sentence(exception));
                    return 1;
                })
                .setParameterExceptionHandler((exception, parsed) -> {
                    CommandLine commandLine = exception.getCommandLine();
                    complain(commandLine, String.valueOf(exception.getMessage()));
                    if (!CommandLine.UnmatchedArgumentException.printSuggestions(exception, commandLine.getErr())) {
                        commandLine
                                .getErr()
                                .printf(
                                        "See '%s --help'.%n",
                                        commandLine.getCommandSpec().qualifiedName());
                    }
                    return 2;
                })
                .execute(arguments);
    }

    private static void complain(CommandLine commandLine, String sentence) {
        commandLine.getErr().println("aquatint: " + Printed.withoutControls(sentence));
    }

    public static void main(String[] arguments) {
        System.setProperty("OPT_OUT_TRACKING", "true"); // DJL's
        int code;
        try {
            code = execute(arguments);
        } catch (OutOfMemoryError e) {
            System.err.println("aquatint: not enough memory (" + e.getMessage()
                    + "): give more with AQUATINT_JAVA_OPTIONS=-Xmx4g or the like");
            code = 1;
        }
        System.exit(code);
    }
}
