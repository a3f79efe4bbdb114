package io.aquatint.registry;

import static io.aquatint.registry.Trainings.ID;

import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.ValidationEvent;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The training of {@link Trainings} with a real checkpoint of the demo model in a store, and its events. */
final class FinishedTraining {
    static final Instant DONE = Instant.parse("2026-01-02T03:04:05Z");
    private static final URI SOURCE = URI.create("/test");

    private final CheckpointSaved last;

    /** @param work where the registry's base models are */
    FinishedTraining(ObjectStore store, Path work) throws IOException {
        this(store, work, pairs -> {});
    }

    /** @param spoil changes the adapter before it is stored */
    FinishedTraining(ObjectStore store, Path work, Consumer<Map<String, LoraPair>> spoil) throws IOException {
        Path base = new BaseModels(work).path(BaseModels.DEMO);
        Map<String, LoraPair> pairs =
                PlantedAdapter.pairs(DiffusersFolder.open(base).weights("unet"), Trainings.request());
        spoil.accept(pairs);
        byte[] adapter = PlantedAdapter.file(pairs, work);
        CheckpointSaved saved = Trainings.checkpoint(200, 1);
        store.put(saved.objectKey(), adapter, "application/octet-stream");
        last = new CheckpointSaved(
                ID, 200, 1, saved.objectKey(), Sha256.of(adapter), adapter.length, saved.stateKey(), saved.loss());
    }

    /** How a catalogue learns of each event. */
    List<Consumer<Catalogue>> events() {
        List<Consumer<Catalogue>> events = new ArrayList<>(unscored());
        events.add(catalogue -> catalogue.takeValidation(of((ValidationEvent) Trainings.scored(200, 0.8))));
        return events;
    }

    /** All but the score of the last step. */
    List<Consumer<Catalogue>> unscored() {
        TrainingCompleted completed =
                new TrainingCompleted(ID, 200, 1, last.objectKey(), last.sha256(), 20, last.loss());
        return List.of(
                catalogue -> catalogue.takeRequest(of((TrainingRequest) Trainings.request())),
                catalogue -> catalogue.takeTraining(of((TrainingEvent) Trainings.checkpoint(100, 1))),
                catalogue -> catalogue.takeTraining(of((TrainingEvent) last)),
                catalogue -> catalogue.takeValidation(of((ValidationEvent) Trainings.scored(100, 0.9))),
                catalogue -> catalogue.takeTraining(of((TrainingEvent) completed)));
    }

    CheckpointSaved last() {
        return last;
    }

    private static <T> Event<T> of(T data) {
        return Event.of("id", SOURCE, DONE, ID, data);
    }
}
