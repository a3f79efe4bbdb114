package io.aquatint.validator;

import ai.djl.engine.EngineException;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.BaseModelMissingException;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.diffusion.pipeline.WeightedLora;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.store.ObjectCache;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Evaluates the base model when a training starts, and then each checkpoint. What was found is kept in the object store: an event
 * that comes again gives the same findings and costs nothing.
 */
final class Validation implements AutoCloseable {
    private static final String JSON = "application/json";

    private final ObjectStore store;
    private final Path work;
    private final WarmModel models;
    private volatile boolean closing;

    /** @param work where base models and scratch files are kept */
    Validation(ObjectStore store, Path work) {
        this.store = store;
        this.work = work;
        this.models = new WarmModel(new BaseModels(work, ObjectCache.ofModels(store, work)::fetch));
    }

    /** Remembers what is trained on, which samples are compared with. */
    void on(TrainingRequest event) {
        if (event instanceof TrainingRequested requested) {
            String key = new ValidationKeys(requested.trainingId()).pictures();
            store.putIfAbsent(key, EventJson.write(requested.images()), JSON);
        }
    }

    /**
     * The findings that an event leads to, the base model's first.
     *
     * @throws PermanentException if a checkpoint or a picture is missing or broken, or the base model cannot be used
     * @throws java.io.InterruptedIOException if this is closed meanwhile
     */
    synchronized List<Evaluation> on(TrainingEvent event) throws IOException {
        try {
            if (event instanceof TrainingStarted started) {
                return ofStart(started);
            } else if (event instanceof CheckpointSaved saved) {
                return ofCheckpoint(saved);
            }
            return List.of();
        } catch (CheckpointException
                | UnsupportedModelException
                | BaseModelMissingException
                | EngineException
                | IllegalArgumentException e) {
            throw new PermanentException("%s cannot be evaluated: %s".formatted(event.trainingId(), e.getMessage()), e);
        }
    }

    /** Ends the evaluation in hand at its next picture. */
    void stop() {
        closing = true;
    }

    /** Stops, waits for the picture in hand and frees the model. */
    @Override
    public void close() {
        stop();
        synchronized (this) {
            models.close();
        }
    }

    private List<Evaluation> ofStart(TrainingStarted started) throws IOException {
        store.putIfAbsent(new ValidationKeys(started.trainingId()).started(), EventJson.write(started), JSON);
        return started.startStep() == 0 ? List.of(base(started)) : List.of();
    }

    private List<Evaluation> ofCheckpoint(CheckpointSaved saved) throws IOException {
        ValidationKeys keys = new ValidationKeys(saved.trainingId());
        Optional<Evaluation> known = stored(keys, saved.step());
        if (known.isPresent() && isOf(known.get(), saved)) {
            return List.of(known.get());
        }
        TrainingStarted started = store.stat(keys.started())
                .map(found -> EventJson.read(store.get(found.key()), TrainingStarted.class))
                .orElseThrow(() -> new PermanentException(
                        "checkpoint %d of %s: its training.started was never seen, so it is not known what to evaluate with"
                                .formatted(saved.step(), saved.trainingId())));
        List<Evaluation> found = new ArrayList<>();
        if (stored(keys, 0).isEmpty()) {
            found.add(base(started));
        }
        Evaluation evaluation;
        try (var scratch = new Scratch(work)) {
            Adaptation trained = adaptation(started.spec(), fetch(saved, scratch));
            evaluation = evaluator(started).of(saved, trained, before(keys, saved.step()));
        }
        found.add(keep(keys, evaluation, known.isPresent()));
        return found;
    }

    /** Whether it was made of this checkpoint, or of one that a later trainer saved for the same step. */
    private static boolean isOf(Evaluation evaluation, CheckpointSaved saved) {
        return saved.sha256().equals(evaluation.adapter()) || evaluation.epoch() > saved.epoch();
    }

    private Evaluation base(TrainingStarted started) throws IOException {
        ValidationKeys keys = new ValidationKeys(started.trainingId());
        Optional<Evaluation> known = stored(keys, 0);
        return known.isPresent() ? known.get() : keep(keys, evaluator(started).ofBase(), false);
    }

    private Evaluator evaluator(TrainingStarted started) {
        ValidationKeys keys = new ValidationKeys(started.trainingId());
        List<ManifestImage> trained = store.stat(keys.pictures())
                .map(found -> List.of(EventJson.read(store.get(found.key()), ManifestImage[].class)))
                .orElse(started.trainSubset());
        return new Evaluator(
                store,
                models.get(
                        started.spec().baseModel(),
                        Precision.valueOf(started.spec().precision().toUpperCase(Locale.ROOT))),
                started,
                trained,
                () -> closing);
    }

    private Path fetch(CheckpointSaved saved, Scratch scratch) throws IOException {
        Path file = scratch.file("checkpoint.safetensors");
        store.download(saved.objectKey(), file);
        String found = Sha256.of(file);
        if (!found.equals(saved.sha256())) {
            throw new PermanentException("checkpoint '%s' has the SHA-256 %s, not %s as was announced"
                    .formatted(saved.objectKey(), found, saved.sha256()));
        }
        return file;
    }

    /** What a checkpoint lays over the base model. */
    private static Adaptation adaptation(TrainingSpec spec, Path file) {
        return switch (spec.method()) {
            case LORA, DREAMBOOTH_LORA ->
                Adaptation.of(LoraFormats.open(file).weights().stream()
                        .map(adapter -> new WeightedLora(adapter, 1))
                        .toList());
            case TEXTUAL_INVERSION ->
                new Adaptation(List.of(), List.of(TextualInversionFiles.read(file, spec.subjectWord())), Map.of());
            case DREAMBOOTH, FULL -> new Adaptation(List.of(), List.of(), NetworkFiles.read(file));
        };
    }

    private Optional<Evaluation> stored(ValidationKeys keys, int step) {
        return store.stat(keys.evaluation(step)).map(found -> read(found.key()));
    }

    /** What was found at the steps before one, in their order. */
    private List<Evaluation> before(ValidationKeys keys, int step) {
        List<Evaluation> before = new ArrayList<>();
        for (String key : store.list(keys.folder())) {
            OptionalInt of = keys.stepOf(key);
            if (of.isPresent() && of.getAsInt() < step) {
                before.add(read(key));
            }
        }
        before.sort(Comparator.comparingInt(Evaluation::step));
        return before;
    }

    private Evaluation read(String key) {
        return EventJson.read(store.get(key), Evaluation.class);
    }

    /** Of two validators that evaluate the same at once, one is believed by both. */
    private Evaluation keep(ValidationKeys keys, Evaluation evaluation, boolean replace) {
        String key = keys.evaluation(evaluation.step());
        byte[] json = EventJson.write(evaluation);
        if (replace) {
            store.put(key, json, JSON);
        } else if (!store.putIfAbsent(key, json, JSON)) {
            return read(key);
        }
        return evaluation;
    }
}
