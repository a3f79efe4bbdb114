package io.aquatint.trainer;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.diffusion.training.TrainedFiles;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.events.Method;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.trainer.TrainingKeys.Place;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Puts the checkpoints of one training into the object store and brings them back. */
final class Checkpoints {
    private static final String SAFETENSORS = "application/octet-stream";

    private final ObjectStore store;
    private final TrainingKeys keys;
    private final Method method;
    private final Scratch scratch;

    Checkpoints(ObjectStore store, TrainingKeys keys, Method method, Scratch scratch) {
        this.store = store;
        this.keys = keys;
        this.method = method;
        this.scratch = scratch;
    }

    /**
     * Writes what was learned and the state as they are now into files, for {@link #store}.
     *
     * @param loss of the step
     */
    Written write(String trainingId, FineTuning training, int epoch, double loss) {
        Place place = new Place(epoch, training.stepsDone());
        Path state = scratch.file("state.safetensors");
        training.saveState(state);
        Map<String, String> metadata =
                Map.of("aquatint.training", trainingId, "aquatint.step", String.valueOf(place.step()));
        return new Written(trainingId, place, state, result(training, metadata), loss);
    }

    /** A checkpoint in files, which the next one will overwrite. */
    record Written(String trainingId, Place place, Path state, Path result, double loss) {}

    /** Stores what was written, and last the event that tells of it. */
    CheckpointSaved store(Written written) {
        Place place = written.place();
        Path result = written.result();
        store.put(keys.state(place), written.state(), SAFETENSORS);
        store.put(keys.result(place, method), result, SAFETENSORS);
        CheckpointSaved saved;
        try {
            saved = new CheckpointSaved(
                    written.trainingId(),
                    place.step(),
                    place.epoch(),
                    keys.result(place, method),
                    Sha256.of(result),
                    Files.size(result),
                    keys.state(place),
                    written.loss());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(result, e), e);
        }
        store.put(keys.saved(place), EventJson.write(saved), "application/json");
        return saved;
    }

    /** What was learned, as one file: a checkpoint is told of by one key and one hash. */
    private Path result(FineTuning training, Map<String, String> metadata) {
        Path folder = scratch.file("trained");
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make %s: %s".formatted(folder, e), e);
        }
        training.write(folder, metadata);
        Adaptation trained = TrainedFiles.read(folder);
        return switch (method) {
            case LORA, DREAMBOOTH_LORA -> folder.resolve(LoraFormats.DIFFUSERS_NAME);
            case TEXTUAL_INVERSION -> {
                TextualInversion word = trained.words().get(0);
                Path file = scratch.file("learned_embeds.safetensors");
                if (word.secondVectors() == null) {
                    TextualInversionFiles.writeDiffusers(file, word, metadata);
                } else {
                    TextualInversionFiles.writeA1111(
                            file, word, metadata); // diffusers has a file for each text encoder
                }
                yield file;
            }
            case DREAMBOOTH, FULL -> {
                Path file = scratch.file("networks.safetensors");
                NetworkFiles.write(file, trained.networks(), metadata);
                yield file;
            }
        };
    }

    /** The event of a checkpoint that is in the store. */
    CheckpointSaved read(Place place) {
        return EventJson.read(store.get(keys.saved(place)), CheckpointSaved.class);
    }

    /**
     * Deletes what need not be kept: old checkpoints but the best, and the states of all but the newest.
     *
     * @param kept how many of the newest
     * @param scores the held-out scores so far, by step
     */
    void retain(int kept, Map<Integer, Double> scores) {
        List<String> stored = store.list(keys.epochs());
        List<Place> complete = CompleteCheckpoints.all(keys, stored);
        List<Place> superfluous = CompleteCheckpoints.superfluous(complete, kept, scores);
        List<String> keep = CompleteCheckpoints.newest(keys, stored).map(keys::state).stream()
                .toList();
        for (Place place : superfluous) {
            store.delete(keys.saved(place)); // first: from then on it is none
            store.delete(keys.result(place, method));
        }
        complete.stream()
                .map(keys::state)
                .filter(state -> stored.contains(state) && !keep.contains(state))
                .forEach(store::delete);
    }

    /** The state of a checkpoint, as a file. */
    Path download(CheckpointSaved saved) {
        Path file = scratch.file("resumed.safetensors");
        store.download(saved.stateKey(), file);
        return file;
    }
}
