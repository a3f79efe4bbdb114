package io.aquatint.cli;

import io.aquatint.diffusion.adapter.RankRule;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "resize",
        description = "Bring a LoRA to a lower rank.",
        footer = {
            "",
            "Each layer's change keeps its largest singular values, which is the best that",
            "its rank can do. What is lost is printed: the Frobenius norm of the difference",
            "by that of the change. The form stays; see 'aquatint convert'."
        },
        mixinStandardHelpOptions = true)
final class ResizeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "LORA", description = "A file or folder of any form.")
    private Path file = Path.of("");

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            required = true,
            description = "What to write.")
    private Path output = Path.of("");

    @Mixin
    private RankOptions rank = new RankOptions();

    @Mixin
    private DtypeOption dtype = new DtypeOption();

    @Override
    public Integer call() {
        RankRule rule = rule();
        LoraFile lora = LoraFormats.open(file);
        PrintWriter out = spec.commandLine().getOut();
        DType type = dtype.get() == null ? lora.dtype() : dtype.get();
        new LoraOutput(output, lora.form(), type)
                .write(out, RankOptions.resize(out, lora.weights(), rule), lora, Map.of());
        return 0;
    }

    private RankRule rule() {
        @Nullable RankRule rule;
        try {
            rule = rank.rule();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        if (rule == null) {
            throw new ParameterException(spec.commandLine(), "say to which rank: --rank N or --energy F");
        }
        return rule;
    }
}
