package io.aquatint.cli;

import io.aquatint.diffusion.graph.Precision;
import io.aquatint.pretraining.ModelReport;
import io.aquatint.pretraining.Pretraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "pretrain",
        description = "Train the small base model from scratch, as the one that is part of Aquatint was.",
        footer = {
            "",
            "Fetches the drawings with npm, trains the autoencoder, then text encoder and UNet together, and writes the model in",
            "diffusers layout to DIR/model. Called again it goes on where it was. A GPU takes some minutes, a CPU days.",
            "docs/base-model.md says how the model that is part of Aquatint was made and what it can do."
        },
        mixinStandardHelpOptions = true)
final class PretrainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "DIR", description = "Where everything is kept; made when missing.")
    private Path folder = Path.of("");

    @Option(
            names = "--minutes",
            paramLabel = "N",
            defaultValue = "600",
            description = "Save and end after so long, to go on another time (default: ${DEFAULT-VALUE}).")
    private double minutes;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "20000",
            description = "Steps of text encoder and UNet (default: ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "512",
            description = "Pictures a step (default: ${DEFAULT-VALUE}).")
    private int batch;

    @Option(
            names = "--learning-rate",
            paramLabel = "R",
            defaultValue = "1e-3",
            description = "The highest of a cosine schedule (default: ${DEFAULT-VALUE}).")
    private double rate;

    @Option(
            names = "--pictures",
            paramLabel = "N",
            defaultValue = "160000",
            description = "How many different ones (default: ${DEFAULT-VALUE}).")
    private int pictures;

    @Option(
            names = "--vae-steps",
            paramLabel = "N",
            defaultValue = "4000",
            description = "Steps of the autoencoder (default: ${DEFAULT-VALUE}).")
    private int vaeSteps;

    @Option(
            names = "--vae-batch-size",
            paramLabel = "N",
            defaultValue = "128",
            description = "Its pictures a step (default: ${DEFAULT-VALUE}).")
    private int vaeBatch;

    @Option(
            names = "--mixed-precision",
            paramLabel = "P",
            defaultValue = "no",
            description = "What the networks compute in: no or bf16 (default: ${DEFAULT-VALUE}).")
    private String precision = "no";

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "All that is random follows from it (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(
            names = "--report",
            paramLabel = "N",
            description =
                    "Train nothing: draw a sheet of the model in DIR, and measure it on N pictures that were trained on and N that were held out. Into DIR/report.")
    private @Nullable Integer report;

    @Override
    public Integer call() throws IOException, InterruptedException {
        Precision computed = Precision.named(precision)
                .filter(found -> found != Precision.FP16)
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(), "--mixed-precision is " + precision + ", but must be no or bf16"));
        if (steps < 1 || batch < 1 || pictures < 1 || vaeSteps < 1 || vaeBatch < 1) {
            throw new ParameterException(spec.commandLine(), "steps, batch sizes and pictures must be 1 or more");
        }
        PrintWriter out = spec.commandLine().getOut();
        if (report != null) {
            return report(report, out);
        }
        var settings = new Pretraining.Settings(
                Math.min(pictures, 40_000),
                vaeSteps,
                vaeBatch,
                1e-3,
                pictures,
                steps,
                batch,
                rate,
                0.1,
                computed,
                seed);
        boolean done = new Pretraining(folder, settings, Duration.ofMillis(Math.round(minutes * 60_000)), line -> {
                    out.println(line);
                    out.flush();
                })
                .run();
        out.println(done ? "done: " + folder.resolve("model") : "not done yet: the same command goes on");
        return 0;
    }

    private int report(int count, PrintWriter out) throws IOException, InterruptedException {
        if (count < 1) {
            throw new ParameterException(spec.commandLine(), "--report is " + count + ", but must be 1 or more");
        }
        Path model = folder.resolve("model");
        if (!Files.isDirectory(model)) {
            throw new ParameterException(
                    spec.commandLine(), "there is no model in " + model + ": train it first, without --report");
        }
        Path written = folder.resolve("report");
        ModelReport.write(folder, written, seed, count, line -> {
            out.println(line);
            out.flush();
        });
        out.println("samples: " + written.resolve("samples.png"));
        return 0;
    }
}
