package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.TrainedFiles;
import io.aquatint.diffusion.training.TrainingDivergedException;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.diffusion.training.ValidationLoss;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.registry.AdapterFiles;
import io.aquatint.registry.WordFiles;
import io.aquatint.trainer.SpecTraining;
import io.aquatint.validator.SamplePrompts;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A training in a folder: checkpoints that it can be resumed from, samples and scores on the way, the result and a model card at
 * the end.
 */
final class LocalTraining {
    private static final Pattern CHECKPOINT = Pattern.compile("checkpoint-(\\d+)");
    private static final String STATE = "state.safetensors";
    private static final long LINE_SECONDS = 10;

    private final TrainingSpec spec;
    private final StableDiffusion model;
    private final TrainingSet set;
    private final List<TrainingExample> heldOut;
    private final Path output;
    private final PrintWriter out;
    private final SortedMap<Integer, Double> scores = new TreeMap<>();
    private @Nullable SortedMap<Integer, Double> baseLosses;

    LocalTraining(
            TrainingSpec spec,
            StableDiffusion model,
            TrainingSet set,
            List<TrainingExample> heldOut,
            Path output,
            PrintWriter out) {
        this.spec = spec;
        this.model = model;
        this.set = set;
        this.heldOut = heldOut;
        this.output = output;
        this.out = out;
    }

    /** @throws CheckpointException if there is no checkpoint */
    static Path newestState(Path output) throws IOException {
        return checkpoints(output).stream()
                .map(folder -> folder.resolve(STATE))
                .filter(Files::exists)
                .reduce((older, newer) -> newer)
                .orElseThrow(() -> new CheckpointException(output + " has no checkpoint to resume from"));
    }

    /** By their steps. */
    private static List<Path> checkpoints(Path output) throws IOException {
        Path folder = output.resolve("checkpoints");
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> folders = Files.list(folder)) {
            return folders.filter(path -> step(path).isPresent())
                    .sorted(Comparator.comparing(path -> step(path).orElse(0)))
                    .toList();
        }
    }

    private static Optional<Integer> step(Path checkpoint) {
        Matcher matcher = CHECKPOINT.matcher(checkpoint.getFileName().toString());
        return matcher.matches() ? Optional.of(Integer.valueOf(matcher.group(1))) : Optional.empty();
    }

    /**
     * Trains to the end.
     *
     * @param state to go on from
     * @param previous what an earlier training wrote, to start from
     */
    void run(@Nullable Path state, @Nullable Path previous) throws IOException {
        out.printf(
                "training  %s on %d pictures, %d held out, %s%n",
                TrainingOptions.MethodConverter.name(spec.method()),
                set.instances().size(),
                heldOut.size(),
                model.manager().getDevice());
        Instant begin = Instant.now();
        try (FineTuning training = state == null
                ? SpecTraining.begin(spec, model, set, previous)
                : SpecTraining.resume(spec, model, set, state)) {
            if (training.stepsDone() == 0) {
                evaluate(0, null);
            }
            steps(training);
            training.write(output, Map.of());
            writeForOtherTools(training.stepsDone());
        }
        Duration time = Duration.between(begin, Instant.now());
        Files.writeString(output.resolve("README.md"), new ModelCard(spec, model, set, heldOut.size(), scores).text());
        out.printf(
                "done      %s after %d s; the model card is %s%n",
                output, time.toSeconds(), output.resolve("README.md"));
    }

    /** A LoRA or a word once more, as the services write it for kohya's tools, A1111 and ComfyUI. */
    private void writeForOtherTools(int step) {
        String name = String.valueOf(output.toAbsolutePath().normalize().getFileName());
        var request = new TrainingRequested(name + "/1", name, 1, spec, manifest(set.instances()), manifest(heldOut));
        switch (spec.method()) {
            case LORA, DREAMBOOTH_LORA -> {
                LoraFile lora = LoraFormats.open(output.resolve(LoraFormats.DIFFUSERS_NAME));
                tell(AdapterFiles.writeKohya(lora, model.source(), request, step, Instant.now(), output));
            }
            case TEXTUAL_INVERSION -> {
                Path word = output.resolve(TextualInversionFiles.DIFFUSERS_NAME);
                tell(WordFiles.writeA1111(TextualInversionFiles.read(word), request, step, output));
            }
            case DREAMBOOTH, FULL -> {} // the whole model, which merge makes of the networks where it is wanted
        }
    }

    private void tell(Path file) {
        out.printf("result    for diffusers, and for A1111 and ComfyUI as %s%n", file);
    }

    private static List<ManifestImage> manifest(List<TrainingExample> examples) {
        return examples.stream()
                .map(example -> new ManifestImage(example.id(), example.id(), example.caption(), 1))
                .toList();
    }

    private void steps(FineTuning training) throws IOException {
        Instant told = Instant.now();
        int from = training.stepsDone();
        try (ProgressLine bar = new ProgressLine("training", " steps", 1)) {
            while (!training.done()) {
                FineTuning.StepResult result = step(training);
                bar.to(result.step(), spec.steps());
                double seconds = Duration.between(told, Instant.now()).toMillis() / 1e3;
                boolean checkpoint = result.step() % spec.checkpointEvery() == 0 || training.done();
                if (checkpoint || seconds >= LINE_SECONDS) {
                    out.printf(
                            "step %d of %d  loss %.4f  rate %.3g  %.2f steps/s%n",
                            result.step(),
                            spec.steps(),
                            result.loss(),
                            result.learningRate(),
                            (result.step() - from) / Math.max(seconds, 1e-3));
                    out.flush();
                }
                if (checkpoint) {
                    save(training);
                }
                if (checkpoint || seconds >= LINE_SECONDS) {
                    told = Instant.now();
                    from = result.step();
                }
            }
        }
    }

    private FineTuning.StepResult step(FineTuning training) throws IOException {
        try {
            return training.step();
        } catch (TrainingDivergedException e) {
            String kept = checkpoints(output).stream()
                    .reduce((older, newer) -> newer)
                    .map(folder -> "; the last good checkpoint is " + folder)
                    .orElse("; there is no checkpoint yet");
            throw new IllegalStateException(e.getMessage() + kept, e);
        }
    }

    private void save(FineTuning training) throws IOException {
        int step = training.stepsDone();
        Path folder = output.resolve("checkpoints").resolve("checkpoint-" + step);
        Files.createDirectories(folder);
        training.write(folder, Map.of());
        training.saveState(folder.resolve(STATE));
        evaluate(step, folder);
        retain();
    }

    /** Draws the samples and, with held-out pictures, measures the loss. */
    private void evaluate(int step, @Nullable Path trained) throws IOException {
        try (AdaptedModel adapted =
                trained == null ? model.adapted(List.of()) : model.adapted(TrainedFiles.read(trained))) {
            if (!heldOut.isEmpty()) {
                SortedMap<Integer, Double> losses = new TreeMap<>();
                for (TrainingExample example : heldOut) {
                    ValidationLoss.evaluate(model, adapted, example)
                            .forEach((timestep, loss) -> losses.merge(timestep, loss / heldOut.size(), Double::sum));
                }
                SortedMap<Integer, Double> base = baseLosses == null ? losses : baseLosses;
                baseLosses = base;
                scores.put(step, ValidationLoss.relative(losses, base));
                out.printf("score     step %d: the held-out loss is %.4f of what it was%n", step, scores.get(step));
            }
            Path folder = output.resolve("samples");
            Files.createDirectories(folder);
            List<String> prompts = SamplePrompts.of(spec, manifest(set.instances()));
            for (int i = 0; i < prompts.size(); i++) {
                GenerationRequest request = new GenerationRequest(
                        prompts.get(i),
                        spec.negativePrompt(),
                        spec.sampleSeed(),
                        spec.sampleSteps(),
                        spec.guidanceScale(),
                        spec.resolution(),
                        spec.resolution(),
                        Sampler.Kind.DDIM);
                Path file = folder.resolve("step-%06d-%d.png".formatted(step, i));
                Files.write(file, TextToImage.generate(model, adapted, request).toPng());
            }
            out.printf("samples   step %d: %d in %s%n", step, prompts.size(), folder);
        }
        out.flush();
    }

    /** Deletes all checkpoints but the newest, the best, and as many older ones as are to be kept. */
    private void retain() throws IOException {
        List<Path> all = new ArrayList<>(checkpoints(output));
        int kept = Math.max(1, spec.checkpointsKept());
        Optional<Integer> best = scores.entrySet().stream()
                .filter(score -> score.getKey() > 0)
                .min(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey);
        for (Path checkpoint : all.subList(0, Math.max(0, all.size() - kept))) {
            if (!step(checkpoint).equals(best)) {
                try (Stream<Path> paths = Files.walk(checkpoint)) {
                    for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(path);
                    }
                }
            }
        }
    }
}
