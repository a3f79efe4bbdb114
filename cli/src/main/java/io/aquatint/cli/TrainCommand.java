package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingAdvice;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.trainer.SpecAdvice;
import io.aquatint.trainer.SpecTraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "train",
        description = "Fine-tune a model on a folder of pictures, without a broker.",
        footer = {
            "",
            "The caption of a.jpg is read from a.txt beside it, or from the folder's",
            "metadata.jsonl; --instance-prompt is for the others. A tenth of the pictures",
            "measure the training and are not trained on. The output folder gets the result",
            "in diffusers' format, a LoRA or a word also for A1111 and ComfyUI, samples/,",
            "checkpoints/ and README.md, a model card with settings and scores.",
            "",
            "  aquatint train --base sd15/ --images cats/ --trigger-word sks \\",
            "      --class-word cat -o sks-cat/",
            "  aquatint train --base sd15/ --images cats/ --method dreambooth \\",
            "      --instance-prompt 'a photo of sks cat' --class-prompt 'a photo of a cat' \\",
            "      --mixed-precision bf16 -o sks-cat/"
        },
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = {"--base", "--pretrained-model-name-or-path"},
            paramLabel = "DIR|FILE",
            required = true,
            description = "The base model: a diffusers folder or a single file.")
    private Path base = Path.of("");

    @Option(
            names = {"--images", "--instance-data-dir"},
            paramLabel = "DIR",
            required = true,
            description = "The pictures.")
    private Path images = Path.of("");

    @Option(
            names = {"-o", "--output-dir"},
            paramLabel = "OUT",
            required = true,
            description = "Where everything is written to; made when missing.")
    private Path output = Path.of("");

    @Option(
            names = {"--class-images", "--class-data-dir"},
            paramLabel = "DIR",
            description =
                    "Class images of your own; the base model draws those that are missing, into OUT/class-images.")
    private @Nullable Path classImages;

    @Option(
            names = "--init-from",
            paramLabel = "DIR",
            description = "Start from what an earlier training of the same method wrote there.")
    private @Nullable Path initFrom;

    @Option(names = "--resume", description = "Go on from the newest checkpoint in OUT, with the same settings.")
    private boolean resume;

    @Mixin
    private TrainingOptions options = new TrainingOptions();

    @Override
    public Integer call() throws IOException {
        TrainingSpec training = options.spec(base.toString());
        List<String> problems = training.problems();
        if (!problems.isEmpty()) {
            throw new ParameterException(spec.commandLine(), String.join("; ", problems));
        }
        if (!Files.isDirectory(images)) {
            throw new ParameterException(spec.commandLine(), images + " is no folder");
        }
        if (classImages != null && !Files.isDirectory(classImages)) {
            throw new ParameterException(spec.commandLine(), classImages + " is no folder");
        }
        if (classImages != null && !training.learnsWithClassPictures()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--class-images are for dreambooth and dreambooth-lora with a --class-prompt or --class-word");
        }
        if (resume && initFrom != null) {
            throw new ParameterException(spec.commandLine(), "--resume and --init-from: take one of them");
        }
        Files.createDirectories(output);
        Path state = resume ? LocalTraining.newestState(output) : null;
        Precision precision = SpecTraining.precision(training);
        PrintWriter out = spec.commandLine().getOut();
        ModelSource source = ModelSource.open(base);
        try (Scratch scratch = new Scratch(output)) {
            TrainingPictures pictures = TrainingPictures.of(images, scratch.folder(), training, System.out);
            if (pictures.trained().isEmpty()) {
                throw new ParameterException(
                        spec.commandLine(), images + " has no picture to train on: see 'aquatint prepare --help'");
            }
            try (ProgressLine bar = new ProgressLine("loading", " MiB", 1 << 20);
                    StableDiffusion model = StableDiffusion.load(source, precision, bar::to)) {
                bar.close();
                warn(training, pictures, model);
                List<TrainingExample> ofClass = pictures.classImages(
                        classImages,
                        output.resolve("class-images"),
                        scratch.folder().resolve("class"),
                        training,
                        model,
                        System.out);
                TrainingSet set = new TrainingSet(pictures.trained(), ofClass);
                new LocalTraining(training, model, set, pictures.heldOut(), output, out).run(state, initFrom);
            }
        }
        return 0;
    }

    private void warn(TrainingSpec training, TrainingPictures pictures, StableDiffusion model) {
        List<String> captions =
                pictures.trained().stream().map(TrainingExample::caption).toList();
        List<TrainingAdvice> advice = new ArrayList<>(TrainingAdvice.of(
                SpecAdvice.plan(training, captions, pictures.heldOut().size())));
        advice.addAll(TrainingAdvice.of(model, model.precision(), training.resolution()));
        for (TrainingAdvice one : advice) {
            spec.commandLine().getOut().printf("advice    %s. %s%n", one.detail(), one.advice());
        }
    }
}
