package io.aquatint.trainer;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.training.FineTuning;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Scratch;
import io.aquatint.runtime.store.Sha256;
import io.aquatint.trainer.TrainingKeys.Place;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Puts the checkpoints of one training into the object store and brings them back. */
final class Checkpoints {
    private static final String SAFETENSORS = "application/octet-stream";

    private final ObjectStore store;
    private final TrainingKeys keys;
    private final Scratch scratch;

    Checkpoints(ObjectStore store, TrainingKeys keys, Scratch scratch) {
        this.store = store;
        this.keys = keys;
        this.scratch = scratch;
    }

    /**
     * Stores the adapter and the state as they are now, and last the event that tells of them.
     *
     * @param loss of the step
     */
    CheckpointSaved save(String trainingId, FineTuning training, int epoch, double loss) {
        Place place = new Place(epoch, training.stepsDone());
        Path state = scratch.file("state.safetensors");
        training.saveState(state);
        store.put(keys.state(place), state, SAFETENSORS);
        Path adapter = scratch.file(LoraFormats.DIFFUSERS_NAME);
        training.write(
                adapter.getParent(),
                Map.of("aquatint.training", trainingId, "aquatint.step", String.valueOf(place.step())));
        store.put(keys.adapter(place), adapter, SAFETENSORS);
        CheckpointSaved saved;
        try {
            saved = new CheckpointSaved(
                    trainingId,
                    place.step(),
                    epoch,
                    keys.adapter(place),
                    Sha256.of(adapter),
                    Files.size(adapter),
                    keys.state(place),
                    loss);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read %s: %s".formatted(adapter, e), e);
        }
        store.put(keys.saved(place), EventJson.write(saved), "application/json");
        return saved;
    }

    /** The event of a checkpoint that is in the store. */
    CheckpointSaved read(Place place) {
        return EventJson.read(store.get(keys.saved(place)), CheckpointSaved.class);
    }

    /** The state of a checkpoint, as a file. */
    Path download(CheckpointSaved saved) {
        Path file = scratch.file("resumed.safetensors");
        store.download(saved.stateKey(), file);
        return file;
    }
}
