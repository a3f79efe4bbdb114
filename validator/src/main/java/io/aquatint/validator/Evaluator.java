package io.aquatint.validator;

import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.PictureNotFiniteException;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.ValidationLoss;
import io.aquatint.events.AlertLevel;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.Sample;
import io.aquatint.events.StopTraining;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.ValidationScored;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.io.InterruptedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Evaluates checkpoints of one training: losses, samples, and what they say of overfitting. */
final class Evaluator {
    private static final Logger LOG = LoggerFactory.getLogger(Evaluator.class);
    private static final double NANOSECONDS = 1e9;

    private final ObjectStore store;
    private final StableDiffusion model;
    private final TrainingStarted training;
    private final List<ManifestImage> trained;
    private final BooleanSupplier closing;

    /**
     * @param trained the pictures that samples are compared with
     * @param closing looked at between pictures
     */
    Evaluator(
            ObjectStore store,
            StableDiffusion model,
            TrainingStarted training,
            List<ManifestImage> trained,
            BooleanSupplier closing) {
        this.store = store;
        this.model = model;
        this.training = training;
        this.trained = List.copyOf(trained);
        this.closing = closing;
    }

    /** The base model's own losses, which score 1, and its samples. */
    Evaluation ofBase() throws InterruptedIOException {
        long begin = System.nanoTime();
        try (AdaptedModel base = model.adapted(List.of())) {
            Map<Integer, Double> heldOut = losses(base, training.heldOut());
            Map<Integer, Double> trainSubset = losses(base, training.trainSubset());
            Map<Sample, Picture> samples = samples(base, 0);
            ValidationScored scored =
                    new ValidationScored(training.trainingId(), 0, 1, 1, heldOut, trainSubset, secondsSince(begin));
            // An untrained model has learned nothing by heart: its samples are not compared.
            List<OverfittingAlert> alerts = OverfittingRules.ofScores(List.of(scored), 0);
            return evaluation(0, null, scored, samples, alerts, List.of());
        }
    }

    /** @param before what was found at earlier steps, the base model's first */
    Evaluation of(CheckpointSaved saved, Adaptation trained, List<Evaluation> before) throws InterruptedIOException {
        try (AdaptedModel adapted = model.adapted(trained)) {
            return of(saved, adapted, before);
        }
    }

    private Evaluation of(CheckpointSaved saved, AdaptedModel adapted, List<Evaluation> before)
            throws InterruptedIOException {
        long begin = System.nanoTime();
        ValidationScored base = Scores.read(before.get(0).scored());
        Map<Integer, Double> heldOut = losses(adapted, training.heldOut());
        Map<Integer, Double> trainSubset = losses(adapted, training.trainSubset());
        Map<Sample, Picture> samples = samples(adapted, saved.step());
        List<OverfittingAlert> copies = new ArrayList<>();
        copy(saved.step(), samples).ifPresent(copies::add);
        ValidationScored scored = new ValidationScored(
                training.trainingId(),
                saved.step(),
                Scores.relative(heldOut, base.heldOutLosses()),
                Scores.relative(trainSubset, base.trainSubsetLosses()),
                heldOut,
                trainSubset,
                secondsSince(begin));
        List<ValidationScored> scores = new ArrayList<>();
        before.forEach(evaluation -> scores.add(Scores.read(evaluation.scored())));
        scores.add(scored);
        List<OverfittingAlert> alerts = new ArrayList<>(OverfittingRules.ofScores(scores, saved.step()));
        alerts.addAll(copies);
        return evaluation(saved.epoch(), saved.sha256(), scored, samples, alerts, before);
    }

    private Evaluation evaluation(
            int epoch,
            @Nullable String adapter,
            ValidationScored scored,
            Map<Sample, Picture> samples,
            List<OverfittingAlert> alerts,
            List<Evaluation> before) {
        return new Evaluation(
                epoch,
                adapter,
                Instant.now(),
                Scores.written(scored),
                List.copyOf(samples.keySet()),
                alerts,
                stop(scored.step(), alerts, before).orElse(null));
    }

    /** The command to end the training, given once, when a critical alert fires while there are steps left. */
    private Optional<StopTraining> stop(int step, List<OverfittingAlert> alerts, List<Evaluation> before) {
        boolean told = before.stream().anyMatch(evaluation -> evaluation.stop() != null);
        if (told || !training.spec().stopEarly() || step >= training.steps()) {
            return Optional.empty();
        }
        return alerts.stream()
                .filter(alert -> alert.level() == AlertLevel.CRITICAL)
                .findFirst()
                .map(alert -> new StopTraining(
                        training.trainingId(), alert.rule().name(), "at step %d %s".formatted(step, alert.detail())));
    }

    /** The mean over the pictures, by timestep. One picture at a time, so that closing need not wait for all. */
    private Map<Integer, Double> losses(AdaptedModel adapted, List<ManifestImage> images)
            throws InterruptedIOException {
        Map<Integer, Double> mean = new TreeMap<>();
        for (ManifestImage image : images) {
            checkOpen();
            TrainingExample example = new TrainingExample(
                    image.sha256(),
                    TrainingPictures.fetch(store, image),
                    training.spec().captionOf(image));
            ValidationLoss.evaluate(model, adapted, example)
                    .forEach((timestep, loss) -> mean.merge(timestep, loss / images.size(), Double::sum));
        }
        return mean;
    }

    /** Draws and stores the samples of a step, in the order of the prompts, but for those that are no picture. */
    private Map<Sample, Picture> samples(AdaptedModel adapted, int step) throws InterruptedIOException {
        TrainingSpec spec = training.spec();
        ValidationKeys keys = new ValidationKeys(training.trainingId());
        Map<Sample, Picture> samples = new LinkedHashMap<>();
        // The fixed subset and not all pictures: it is in the event that every step is evaluated with.
        List<String> prompts = SamplePrompts.of(spec, training.trainSubset());
        for (int n = 0; n < prompts.size(); n++) {
            checkOpen();
            String prompt = prompts.get(n);
            GenerationRequest request = request(spec, prompt, n);
            Picture picture;
            try {
                picture = TextToImage.generate(model, adapted, request);
            } catch (PictureNotFiniteException e) {
                LOG.warn("{}: step {} has no sample of '{}': {}", training.trainingId(), step, prompt, e.getMessage());
                continue;
            }
            byte[] png = picture.toPng();
            store.put(keys.sample(step, n), png, "image/png");
            samples.put(
                    new Sample(prompt, spec.negativePrompt(), request.seed(), keys.sample(step, n), Sha256.of(png)),
                    picture);
        }
        return samples;
    }

    private static GenerationRequest request(TrainingSpec spec, String prompt, int n) {
        String negative = spec.negativePrompt();
        return new GenerationRequest(
                prompt,
                negative == null ? "" : negative,
                spec.sampleSeed() + n,
                spec.sampleSteps(),
                spec.guidanceScale(),
                spec.resolution(),
                spec.resolution(),
                Sampler.Kind.DDIM);
    }

    /** The alert of the sample that is closest to a training picture. One picture at a time: a data set may be large. */
    private Optional<OverfittingAlert> copy(int step, Map<Sample, Picture> samples) throws InterruptedIOException {
        Sample closest = null;
        NearCopy.Match match = null;
        for (ManifestImage image : trained) {
            checkOpen();
            Map<String, Picture> picture = Map.of(image.sha256(), TrainingPictures.fetch(store, image));
            for (Map.Entry<Sample, Picture> sample : samples.entrySet()) {
                Optional<NearCopy.Match> found = NearCopy.closest(sample.getValue(), picture);
                if (found.isPresent() && (match == null || found.get().distance() < match.distance())) {
                    match = found.get();
                    closest = sample.getKey();
                }
            }
        }
        return match == null || closest == null
                ? Optional.empty()
                : OverfittingRules.ofCopy(training.trainingId(), step, closest.objectKey(), match);
    }

    private void checkOpen() throws InterruptedIOException {
        if (closing.getAsBoolean()) {
            throw new InterruptedIOException(
                    "the validator is closing; the checkpoint is evaluated after the next start");
        }
    }

    private static double secondsSince(long begin) {
        return (System.nanoTime() - begin) / NANOSECONDS;
    }
}
