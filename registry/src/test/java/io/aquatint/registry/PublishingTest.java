package io.aquatint.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.events.Artifact;
import io.aquatint.events.Event;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PublishingTest {
    private static final Duration WAIT = Duration.ofMinutes(10);
    private static final Instant SOON = FinishedTraining.DONE.plusSeconds(1);

    @TempDir
    private static Path work;

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final List<Event<ModelVersion>> versions = new ArrayList<>();
    private final List<Event<ModelEvent>> announced = new ArrayList<>();
    private FinishedTraining training;
    private Catalogue catalogue;
    private Publishing publishing;

    @BeforeEach
    void begin() throws IOException {
        training = new FinishedTraining(store, work);
        restart();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void theSameEventsInAnyOrderAndTwiceGiveOneAndTheSameVersion(int seed) {
        take(training.events());
        publishing.publishDue(SOON);
        ModelVersion expected = versions.get(0).data();
        versions.clear();
        announced.clear();

        restart();
        List<Consumer<Catalogue>> mixed = new ArrayList<>(training.events());
        mixed.addAll(training.events());
        Collections.shuffle(mixed, new Random(seed));
        for (Consumer<Catalogue> event : mixed) {
            event.accept(catalogue);
            publishing.publishDue(SOON);
        }
        assertThat(versions)
                .filteredOn(event -> event.id().equals("model.version:cats/3"))
                .hasSize(1);
        assertThat(versions).allSatisfy(event -> {
            assertThat(event.subject()).isEqualTo("cats/3");
            assertThat(event.data().artifacts()).isEqualTo(expected.artifacts());
            assertThat(event.data().createdAt()).isEqualTo(expected.createdAt());
        });
        assertThat(versions.get(versions.size() - 1).data().scores()).isEqualTo(expected.scores());
        assertThat(announced).singleElement().extracting(Event::id).isEqualTo("model.ready:cats/3");
    }

    @Test
    void theAnnouncedFilesAreInTheStoreAndReadable() throws IOException {
        take(training.events());
        publishing.publishDue(SOON);
        assertThat(announced).singleElement().satisfies(event -> {
            assertThat(event.subject()).isEqualTo("cats");
            ModelReady ready = (ModelReady) event.data();
            assertThat(ready.scores()).isEqualTo(new ModelScores(200, 0.8, 0.5));
            assertThat(ready.artifacts())
                    .extracting(Artifact::objectKey)
                    .containsExactly(
                            "models/cats/3/pytorch_lora_weights.safetensors",
                            "models/cats/3/cats-v3-kohya.safetensors");
            assertThat(ready.artifacts())
                    .extracting(Artifact::url)
                    .contains("https://models.example.com/v1/models/cats/3/files/pytorch_lora_weights.safetensors");
            for (Artifact artifact : ready.artifacts()) {
                byte[] file = store.get(artifact.objectKey());
                assertThat(Sha256.of(file)).isEqualTo(artifact.sha256());
                assertThat(file).hasSize((int) artifact.bytes());
                Path read = Files.write(work.resolve("read.safetensors"), file);
                assertThat(LoraFormats.read(read).rank()).isEqualTo(4);
            }
        });
        try (Stream<Path> left = Files.list(work.resolve("scratch"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void withoutAScoreItWaitsAndThenGoesOnWithout() {
        take(training.unscored());
        publishing.publishDue(FinishedTraining.DONE.plus(WAIT).minusMillis(1));
        assertThat(versions).isEmpty();
        publishing.publishDue(FinishedTraining.DONE.plus(WAIT));
        assertThat(versions).hasSize(1);
        assertThat(announced).singleElement().satisfies(event -> assertThat(((ModelReady) event.data()).scores())
                .isNull());
    }

    @Test
    void aScoreThatComesAfterTheVersionIsAddedToItOnce() {
        take(training.unscored());
        publishing.publishDue(FinishedTraining.DONE.plus(WAIT));
        Event<ModelVersion> first = versions.get(0);
        take(training.events());
        publishing.publishDue(FinishedTraining.DONE.plus(WAIT));
        publishing.publishDue(FinishedTraining.DONE.plus(WAIT));

        assertThat(versions).hasSize(2);
        ModelVersion scored = versions.get(1).data();
        assertThat(versions.get(1).id()).startsWith("model.version:cats/3:scores:");
        assertThat(scored.scores()).contains(new ModelScores(200, 0.8, 0.5));
        assertThat(scored.artifacts()).isEqualTo(first.data().artifacts());
        assertThat(scored.step()).isEqualTo(first.data().step());
        assertThat(announced).as("a model is ready once").hasSize(1);

        restart();
        catalogue.takeVersion(versions.get(1));
        catalogue.takeVersion(first);
        catalogue.takeModel(announced.get(0));
        publishing.publishDue(SOON);
        assertThat(versions)
                .as("nothing is taken away where the events of its training are gone")
                .hasSize(2);
    }

    @Test
    void aRestartPublishesNothingTwice() {
        take(training.events());
        publishing.publishDue(SOON);
        restart();
        take(training.events());
        catalogue.takeVersion(versions.get(0));
        catalogue.takeModel(announced.get(0));
        publishing.publishDue(SOON);
        assertThat(versions).hasSize(1);
        assertThat(announced).hasSize(1);
    }

    @Test
    void aVersionThatWasNotAnnouncedBeforeARestartIsAnnouncedAfterIt() {
        take(training.events());
        publishing.publishDue(SOON);
        restart();
        catalogue.takeVersion(versions.get(0));
        publishing.publishDue(SOON);
        assertThat(versions).hasSize(1);
        assertThat(announced).hasSize(2);
        assertThat(announced.get(1)).isEqualTo(announced.get(0));
    }

    @Test
    void aCheckpointThatDoesNotFitIsRejectedOnceWithItsLayers() throws IOException {
        String layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
        training = new FinishedTraining(
                store, work, pairs -> assertThat(pairs.remove(layer)).isNotNull());
        take(training.events());
        publishing.publishDue(SOON);
        publishing.publishDue(SOON);
        restart();
        take(training.events());
        catalogue.takeModel(announced.get(0));
        publishing.publishDue(SOON);
        assertThat(versions).isEmpty();
        assertThat(announced).singleElement().satisfies(event -> {
            assertThat(event.id()).isEqualTo("model.rejected:cats/3");
            assertThat(((ModelRejected) event.data()).detail()).contains(layer);
        });
        assertThat(store.list("models/")).isEmpty();
    }

    @Test
    void aCheckpointThatIsMissingOrChangedIsRejected() {
        byte[] file = store.get(training.last().objectKey());
        file[file.length - 1] ^= 1;
        store.put(training.last().objectKey(), file, "application/octet-stream");
        take(training.events());
        publishing.publishDue(SOON);
        assertThat(rejection()).contains("SHA-256");

        announced.clear();
        restart();
        store.delete(training.last().objectKey());
        take(training.events());
        publishing.publishDue(SOON);
        assertThat(rejection()).contains("no object");
    }

    @Test
    void aRequestThatCallsItsTrainingByAnotherNameIsRefused() {
        TrainingRequested right = Trainings.request();
        for (String dataset : List.of("../cats", "dogs")) {
            TrainingRequest wrong = new TrainingRequested(
                    right.trainingId(), dataset, right.batch(), right.spec(), right.images(), right.heldOut());
            assertThatThrownBy(() ->
                            catalogue.takeRequest(Event.of("id", URI.create("/test"), SOON, right.trainingId(), wrong)))
                    .isInstanceOf(PermanentException.class)
                    .hasMessageContaining(dataset);
        }
    }

    private String rejection() {
        assertThat(announced).hasSize(1);
        return ((ModelRejected) announced.get(0).data()).detail();
    }

    private void take(List<Consumer<Catalogue>> events) {
        events.forEach(event -> event.accept(catalogue));
    }

    private void restart() {
        catalogue = new Catalogue(WAIT);
        Links links = new Links(store, "https://models.example.com/");
        publishing = new Publishing(catalogue, new VersionFiles(store, work, links), new Publishing.Outlet() {
            @Override
            public void version(Event<ModelVersion> event) {
                versions.add(event);
            }

            @Override
            public void model(Event<ModelEvent> event) {
                announced.add(event);
            }
        });
    }
}
