package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.Contents;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorChange;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
        name = "convert",
        description = "Write a LoRA, a textual inversion or a base model in another form or precision.",
        footer = {
            "",
            "  LoRA               diffusers, peft, kohya (a1111, comfyui: the same)",
            "  textual inversion  diffusers, a1111 (comfyui: the same)",
            "  base model         diffusers (a folder), single-file (what A1111, ComfyUI",
            "                     and kohya read)",
            "",
            "A base model is written one tensor at a time, whatever its size.",
            "",
            "  aquatint convert pytorch_lora_weights.safetensors --to kohya -o c.safetensors",
            "  aquatint convert sd15/ --to single-file --dtype fp16 -o sd15.safetensors"
        },
        mixinStandardHelpOptions = true)
final class ConvertCommand implements Callable<Integer> {
    private static final Set<String> FORMS = Set.of("diffusers", "peft", "kohya", "a1111", "comfyui", "single-file");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(paramLabel = "IN", description = "A file or folder; what it is, is found out.")
    private Path in = Path.of("");

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            required = true,
            description = "What to write.")
    private Path output = Path.of("");

    @Option(names = "--to", paramLabel = "FORM", description = "See below (default: the form that it has).")
    private @Nullable String form;

    @Option(names = "--token", paramLabel = "WORD", description = "What stands for a textual inversion in prompts.")
    private @Nullable String token;

    @Mixin
    private ConfigOption config = new ConfigOption();

    @Mixin
    private DtypeOption dtype = new DtypeOption();

    @Override
    public Integer call() {
        if (form != null && !FORMS.contains(form)) {
            throw new ParameterException(
                    spec.commandLine(), "--to " + form + " is none of diffusers, peft, kohya, a1111, single-file");
        }
        PrintWriter out = spec.commandLine().getOut();
        if (config.isGiven()) {
            model(config.open(in), true);
            return 0;
        }
        Contents contents = Contents.of(in);
        if (contents instanceof Contents.Lora lora) {
            lora(out, lora.file());
        } else if (contents instanceof Contents.Word word) {
            word(out, word);
        } else if (contents instanceof Contents.BaseModel base) {
            model(base.model(), base.isSingleFile());
        } else {
            throw new CheckpointException(
                    in + " is no LoRA, textual inversion or whole base model: see 'aquatint inspect'");
        }
        return 0;
    }

    private void lora(PrintWriter out, LoraFile file) {
        DType type = dtype.get() == null ? file.dtype() : dtype.get();
        Optional<LoraForm> wanted = form == null ? Optional.of(file.form()) : LoraOutput.form(form);
        new LoraOutput(output, wanted.orElseThrow(() -> cannotBe("a LoRA", "diffusers, peft, kohya")), type)
                .write(out, file.weights(), file, Map.of());
    }

    private void word(PrintWriter out, Contents.Word contents) {
        TextualInversion known = contents.word();
        TextualInversion word =
                token == null ? known : new TextualInversion(token, known.vectors(), known.secondVectors());
        String wanted = form == null ? contents.form().name().toLowerCase(Locale.ROOT) : form;
        Map<String, String> metadata = contents.parts().metadata();
        switch (wanted) {
            case "diffusers" -> {
                List<Path> files = TextualInversionFiles.writeDiffusers(output, word, metadata);
                out.printf("%s: the word %s for diffusers%n", files, Printed.line(word.token()));
            }
            case "a1111", "comfyui" -> {
                TextualInversionFiles.writeA1111(output, word, metadata);
                out.printf("%s: a word for A1111 and ComfyUI, which call it by the file's name%n", output);
            }
            default -> throw cannotBe("a textual inversion", "diffusers, a1111");
        }
    }

    private void model(ModelSource model, boolean singleFile) {
        if (form != null && !ModelOutput.FORMS.contains(form)) {
            throw cannotBe("a base model", "diffusers, single-file");
        }
        DType type = dtype.get();
        ModelSource cast = type == null ? model : model.changed(component -> TensorChange.to(type));
        boolean single = form == null ? singleFile : form.equals("single-file");
        if (single && Files.isDirectory(output)) {
            throw new CheckpointException(output + " is a folder, but a single file is to be written");
        }
        new ModelOutput(output, single)
                .write(spec.commandLine().getOut(), spec.commandLine().getErr(), cast);
    }

    private ParameterException cannotBe(String what, String forms) {
        return new ParameterException(
                spec.commandLine(),
                "--to " + form + ": " + in + " is " + what + ", which is written as one of " + forms);
    }
}
