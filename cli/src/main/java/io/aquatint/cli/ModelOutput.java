package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.ModelWriter;
import io.aquatint.diffusion.pipeline.WeightCheck;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes a base model. */
record ModelOutput(Path path, boolean singleFile) {
    static final List<String> FORMS = List.of("diffusers", "single-file");

    /** A single file where the name is one's. */
    static ModelOutput of(Path path, @Nullable String form) {
        return new ModelOutput(
                path, form == null ? path.toString().endsWith(".safetensors") : form.equals("single-file"));
    }

    /** @throws CheckpointException if the model is not whole, before anything is written */
    void write(PrintWriter out, PrintWriter warnings, ModelSource model) {
        WeightCheck.verify(model);
        if (!singleFile) {
            ModelWriter.diffusersFolder(model, path);
            out.printf(
                    "%s: a diffusers folder, %s%n", path, model.architecture().title());
            return;
        }
        Path parent = path.toAbsolutePath().getParent();
        try {
            if (parent != null) {
                Files.createDirectories(parent);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + parent + ": " + e, e);
        }
        List<String> unknown = ModelWriter.singleFile(model, path);
        out.printf("%s: a single file, %s%n", path, model.architecture().title());
        unknown.forEach(sentence -> warnings.println("aquatint: a single file has no configs: " + sentence));
    }
}
