package io.aquatint.cli;

import io.aquatint.diffusion.adapter.BakedAdapters;
import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.adapter.LoraArithmetic.Summand;
import io.aquatint.diffusion.adapter.RankRule;
import io.aquatint.diffusion.checkpoint.Contents;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.ModelSource;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "merge",
        description = "Make one LoRA of several, or put LoRAs into a base model.",
        footer = {
            "",
            "Without --base the result is a LoRA that changes every weight by exactly the",
            "sum: ranks add up, in fp32 unless --dtype says otherwise. --rank or --energy",
            "bring it down by singular values, and what is lost is printed.",
            "With --base the result is a base model that needs no LoRA any more: sums are",
            "taken in fp32 and rounded once, to what the base has or to --dtype. A folder",
            "with networks of a full fine-tuning takes the place of those of the base.",
            "",
            "  aquatint merge style.safetensors:0.7 cat.safetensors -o both.safetensors",
            "  aquatint merge cat.safetensors:0.8 --base sd15/ -o cat-model.safetensors"
        },
        mixinStandardHelpOptions = true)
final class MergeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "1..*",
            paramLabel = "LORA[:WEIGHT]",
            converter = WeightedFile.Converter.class,
            description = "Files or folders of any form, each with its weight (default: 1).")
    private List<WeightedFile> files = List.of();

    @Option(
            names = "--base",
            paramLabel = "MODEL",
            description = "The base model: a diffusers folder or a single file.")
    private @Nullable Path base;

    @Mixin
    private ConfigOption config = new ConfigOption();

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            required = true,
            description = "What to write.")
    private Path output = Path.of("");

    @Option(
            names = "--to",
            paramLabel = "FORM",
            description = "A LoRA as diffusers, peft or kohya (default: as the first); a base model as diffusers or"
                    + " single-file (default: single-file for OUT.safetensors).")
    private @Nullable String form;

    @Mixin
    private RankOptions rank = new RankOptions();

    @Mixin
    private DtypeOption dtype = new DtypeOption();

    @Override
    public Integer call() {
        RankRule rule = rule();
        checkForm(rule);
        if (base == null) {
            mergeLoras(rule);
        } else {
            bake(base);
        }
        return 0;
    }

    private static Summand summand(LoraFile lora, WeightedFile file) {
        return new Summand(lora.path().toString(), lora.weights(), file.weight());
    }

    private @Nullable RankRule rule() {
        try {
            return rank.rule();
        } catch (IllegalArgumentException e) {
            throw wrong(String.valueOf(e.getMessage()));
        }
    }

    private void checkForm(@Nullable RankRule rule) {
        if (base != null && rule != null) {
            throw wrong("--rank and --energy are for a LoRA, and --base makes a base model");
        }
        if (base == null && config.isGiven()) {
            throw wrong("--config is for --base");
        }
        if (form == null) {
            return;
        }
        if (base != null && !ModelOutput.FORMS.contains(form)) {
            throw wrong("--to " + form + ": a base model is written as one of " + ModelOutput.FORMS);
        }
        if (base == null && LoraOutput.form(form).isEmpty()) {
            throw wrong("--to " + form + ": a LoRA is written as one of diffusers, peft, kohya");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private void mergeLoras(@Nullable RankRule rule) {
        PrintWriter out = spec.commandLine().getOut();
        List<LoraFile> loras = new ArrayList<>();
        List<Summand> summands = new ArrayList<>();
        for (WeightedFile file : files) {
            LoraFile lora = LoraFormats.open(file.path());
            loras.add(lora);
            summands.add(summand(lora, file));
        }
        List<LoraWeights> sum = LoraArithmetic.sum(summands);
        List<LoraWeights> merged = rule == null ? sum : RankOptions.resize(out, sum, rule);
        LoraForm wanted = Optional.ofNullable(form)
                .flatMap(LoraOutput::form)
                .orElse(loras.get(0).form());
        DType type = dtype.get() == null ? DType.F32 : dtype.get();
        String from = files.stream()
                .map(file -> file.weight() + " " + file.path().getFileName())
                .collect(Collectors.joining(", "));
        new LoraOutput(output, wanted, type).write(out, merged, loras.get(0), Map.of("modelspec.merged_from", from));
    }

    private void bake(Path path) {
        ModelSource model = config.open(path);
        List<Summand> summands = new ArrayList<>();
        for (WeightedFile file : files) {
            Contents contents = Contents.of(file.path());
            if (contents instanceof Contents.Networks networks) {
                if (file.weight() != 1) {
                    throw wrong(file.path() + " has whole networks, which have no weight");
                }
                model = model.replacing(networks.parts().tensors());
            } else {
                summands.add(summand(LoraFormats.open(file.path()), file));
            }
        }
        ModelSource baked = BakedAdapters.bake(model, summands, dtype.get());
        ModelOutput.of(output, form)
                .write(spec.commandLine().getOut(), spec.commandLine().getErr(), baked);
    }
}
