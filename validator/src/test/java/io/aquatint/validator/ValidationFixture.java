package io.aquatint.validator;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.store.MemoryObjectStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A validation of one training, with pictures in its store. */
abstract class ValidationFixture {
    static final String ID = "cups/1";

    @TempDir
    static Path work;

    final MemoryObjectStore store = new MemoryObjectStore();
    final TrainingSpec spec = DemoTraining.spec("");
    DemoTraining training;
    Validation validation;
    List<ManifestImage> heldOut;
    List<ManifestImage> subset;

    @BeforeEach
    void plant() {
        training = new DemoTraining(store, work, ID);
        validation = new Validation(store, work);
        heldOut = List.of(training.picture(1));
        subset = List.of(training.picture(2));
    }

    @AfterEach
    void close() {
        validation.close();
    }

    Evaluation start() throws IOException {
        return validation.on(training.started(heldOut, subset, spec)).get(0);
    }

    Evaluation evaluate(CheckpointSaved saved) throws IOException {
        List<Evaluation> found = validation.on(saved);
        return found.get(found.size() - 1);
    }

    List<String> published(TrainingStarted started, CheckpointSaved saved) throws IOException {
        return Stream.concat(validation.on(started).stream(), validation.on(saved).stream())
                .flatMap(evaluation -> evaluation.events().stream())
                .map(ValidationFixture::line)
                .toList();
    }

    static String line(Event<?> event) {
        return event.id() + event.time() + new String(EventJson.write(event.data()), StandardCharsets.UTF_8);
    }

    List<TrainingExample> examples(List<ManifestImage> images) {
        return images.stream()
                .map(image -> new TrainingExample(
                        image.sha256(), Picture.decode(store.get(image.objectKey())), image.caption()))
                .toList();
    }
}
