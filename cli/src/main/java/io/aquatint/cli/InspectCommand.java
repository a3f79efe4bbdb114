package io.aquatint.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "inspect",
        description = "Show what is in a safetensors file or a model folder.",
        footer = {
            "",
            "Tells base models (diffusers folders, single files), networks, LoRAs",
            "(diffusers, PEFT, kohya), textual inversions and training states apart. Shows",
            "the architecture, ranks, alphas, layers, the strength of each block, element",
            "types, metadata and hashes, and holds a base model's tensors against its",
            "configs. Pickled files (.ckpt, .pt, .bin) are never read. The exit code is 1",
            "for a file that is broken."
        },
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    private static final int BAR = 30;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "FILE|FOLDER", description = "What to look at.")
    private Path path = Path.of("");

    @Option(
            names = "--config",
            paramLabel = "DIR",
            description =
                    "A diffusers folder with the configs of a single file whose sizes are not the published ones.")
    private @Nullable Path config;

    @Option(names = "--json", description = "Print JSON, with all of the metadata.")
    private boolean json;

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        Inspection inspection = Inspection.of(path, config);
        if (json) {
            out.println(inspection.toJson());
        } else {
            print(out, inspection);
        }
        if (inspection.problem() == null) {
            return 0;
        }
        if (!json) {
            spec.commandLine().getErr().println("aquatint: " + Printed.line(inspection.problem()));
        }
        return 1;
    }

    private static void print(PrintWriter out, Inspection inspection) {
        String architecture = inspection.architecture();
        out.println(Printed.line(inspection.path()) + ": " + Printed.line(inspection.description())
                + (architecture == null ? "" : ", " + architecture));
        out.println();
        for (Inspection.Part part : inspection.parts()) {
            out.printf(
                    "  %-16s %,d tensors, %,d parameters, %s: %s%n",
                    Printed.line(part.name()),
                    part.tensors(),
                    part.parameters(),
                    Printed.bytes(part.bytes()),
                    counts(part.types()));
        }
        if (inspection.predictionType() != null) {
            out.printf("  %-16s %s%n", "predicts", inspection.predictionType());
        }
        if (inspection.word() != null) {
            out.printf(
                    "  %-16s %s, %d vectors of %s channels%n",
                    "word",
                    Printed.line(inspection.word().token()),
                    inspection.word().vectors(),
                    inspection.word().channels().stream().map(String::valueOf).collect(Collectors.joining(" and ")));
        }
        if (inspection.sha256() != null) {
            out.printf(
                    "  %-16s %s of the file (A1111's model hash), %s of its tensors (A1111's hash of a LoRA)%n",
                    "hash",
                    inspection.sha256().file().substring(0, 10),
                    inspection.sha256().data().substring(0, 12));
        }
        if (inspection.lora() != null) {
            inspection.lora().components().forEach(adapter -> print(out, adapter));
        }
        if (!inspection.metadata().isEmpty()) {
            out.println();
            out.println("  metadata");
            inspection
                    .metadata()
                    .forEach((key, value) -> out.println("    " + Printed.line(key) + " = " + Printed.line(value)));
        }
    }

    private static void print(PrintWriter out, Inspection.Adapter adapter) {
        out.println();
        out.println("  " + adapter.component());
        out.printf("    %-14s %s%n", "rank", counts(adapter.ranks()));
        out.printf("    %-14s %s%n", "alpha", counts(adapter.alphas()));
        out.printf("    %-14s %d: %s%n", "layers", adapter.layers(), each(adapter.modules()));
        out.printf("    %-14s the Frobenius norm of its change%n", "strength");
        double largest = adapter.norms().values().stream()
                .filter(Double::isFinite)
                .mapToDouble(norm -> norm)
                .max()
                .orElse(0);
        adapter.norms()
                .forEach((block, norm) -> out.printf(
                        "      %-16s %9s  %s%n",
                        Printed.line(block),
                        Double.isFinite(norm) ? "%.4g".formatted(norm) : "no number",
                        bar(norm, largest)));
    }

    private static String bar(double value, double largest) {
        return Double.isFinite(value) && largest > 0 ? "#".repeat((int) Math.round(BAR * value / largest)) : "";
    }

    /** {@code 4}, where all are alike, else how many are. */
    private static String counts(Map<?, Integer> counts) {
        return counts.size() == 1 ? Printed.line(counts.keySet().iterator().next()) : each(counts);
    }

    private static String each(Map<?, Integer> counts) {
        String all = counts.entrySet().stream()
                .map(entry -> Printed.line(entry.getKey()) + " (" + entry.getValue() + ")")
                .collect(Collectors.joining(", "));
        return Printed.line(all);
    }
}
