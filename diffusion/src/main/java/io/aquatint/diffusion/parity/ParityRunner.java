package io.aquatint.diffusion.parity;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.CudaArithmetic;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Compares this library with what the reference libraries computed: a folder holds {@code cases/}, {@code model/} in diffusers
 * layout, the same as {@code single-file.safetensors}, and {@code lora/}. Prints a line a case.
 */
public final class ParityRunner {
    private static final double FORWARD = 1e-4;
    static final double TRAINING_AND_SAMPLING = 1e-3;

    private final Path folder;
    private final PrintStream out;
    private final PrintStream errors;
    private int ok;
    private int failed;
    private int unsupported;

    private ParityRunner(Path folder, PrintStream out, PrintStream errors) {
        this.folder = folder;
        this.out = out;
        this.errors = errors;
    }

    /** The same with reasons on standard error. */
    public static int run(Path folder, PrintStream out) {
        return run(folder, out, System.err);
    }

    /**
     * Runs every case.
     *
     * @param out one line a case, {@code NAME relative-error ok|FAILED|unsupported}, and the totals
     * @param errors why a case failed or is not supported
     * @return the exit code: 0 if all cases are ok, else 1
     */
    public static int run(Path folder, PrintStream out, PrintStream errors) {
        return new ParityRunner(folder, out, errors).run();
    }

    private int run() {
        Path cases = folder.resolve("cases");
        if (!Files.isDirectory(cases)) {
            errors.println(folder + " is no folder of golden cases: it has no folder cases");
            return 1;
        }
        CudaArithmetic.useAllBits();
        for (Path file : files(cases)) {
            runCase(file);
        }
        out.println(ok + " ok, " + failed + " failed, " + unsupported + " unsupported");
        return ok > 0 && failed + unsupported == 0 ? 0 : 1;
    }

    private static List<Path> files(Path cases) {
        try (Stream<Path> files = Files.list(cases)) {
            return files.filter(file -> file.toString().matches(".*\\.(json|safetensors)"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + cases + ": " + e, e);
        }
    }

    private void runCase(Path file) {
        String name = file.getFileName().toString().replaceFirst("\\.(json|safetensors)$", "");
        try {
            double error = error(name, file);
            boolean passed = error <= tolerance(name);
            if (passed) {
                ok++;
            } else {
                failed++;
            }
            out.println(name + " " + String.format(Locale.ROOT, "%.3g", error) + (passed ? " ok" : " FAILED"));
        } catch (UnsupportedModelException e) {
            unsupported++;
            out.println(name + " - unsupported");
            errors.println(name + ": " + e.getMessage());
        } catch (RuntimeException e) { // every case gets its line, whatever another one met
            failed++;
            out.println(name + " - FAILED");
            errors.println(name + ": " + e);
        }
    }

    private static double tolerance(String name) {
        if (name.startsWith("tokenizer")) {
            return 0;
        }
        boolean loose = Stream.of("train-", "sampler-", "text2img").anyMatch(name::startsWith);
        return loose ? TRAINING_AND_SAMPLING : FORWARD;
    }

    private double error(String name, Path file) {
        if (name.startsWith("tokenizer-")) {
            return JsonCases.tokenizer(folder.resolve("model/tokenizer"), file);
        }
        if (name.equals("lr-schedules")) {
            return JsonCases.learningRates(file);
        }
        GoldenCase golden = GoldenCase.open(file);
        compare(name, golden);
        golden.remarks().forEach(remark -> errors.println(name + ": " + remark));
        return golden.worst();
    }

    private void compare(String name, GoldenCase golden) {
        Path loras = folder.resolve("lora");
        switch (name) {
            case "noise-schedule" -> SchedulerCases.noise(golden);
            case "text-encoder" -> models().forEach(model -> ModelCases.textEncoder(model, golden));
            case "vae" -> models().forEach(model -> ModelCases.vae(model, golden));
            case "unet" -> models().forEach(model -> ModelCases.unet(model, golden));
            case "text2img" -> models().forEach(model -> TextToImageCases.textToImage(loras, model, golden));
            case "text2img-lora" -> models().forEach(model -> TextToImageCases.withAdapters(loras, model, golden));
            default -> {
                if (name.startsWith("sampler-")) {
                    SchedulerCases.sampler(name.substring("sampler-".length()), golden);
                } else if (name.startsWith("train-")) {
                    models().forEach(model -> TrainingCases.train(model, golden));
                } else {
                    throw new UnsupportedModelException("cases of this kind are not supported");
                }
            }
        }
    }

    /** The model's folder, and the same model as a single file where there is one: a case's error is the worst of both. */
    private List<ModelSource> models() {
        Path single = folder.resolve("single-file.safetensors");
        DiffusersFolder model = model();
        return Files.isRegularFile(single) ? List.of(model, ModelSource.open(single, model.path())) : List.of(model);
    }

    private DiffusersFolder model() {
        if (!Files.isDirectory(folder.resolve("model"))) {
            throw new CheckpointException(folder + " has no folder model");
        }
        return DiffusersFolder.open(folder.resolve("model"));
    }
}
