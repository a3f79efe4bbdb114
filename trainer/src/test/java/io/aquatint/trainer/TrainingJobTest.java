package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.pytorch.engine.PtNDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.FailureReason;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingJobTest {
    private static final TrainingKeys KEYS = new TrainingKeys("mugs", 1);
    private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");

    @TempDir
    static Path work;

    private static WarmModel model;

    private final MemoryObjectStore memory = new MemoryObjectStore();
    private final List<Event<TrainingEvent>> events = new ArrayList<>();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private ObjectStore store = memory;
    private Consumer<TrainingEvent> onEvent = event -> {};
    private boolean leaveOff;
    private boolean stopped;

    @BeforeAll
    static void openModel() {
        model = new WarmModel(new BaseModels(work));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @BeforeEach
    void storePictures() {
        pictures().forEach((key, bytes) -> memory.put(key, bytes, "image/png"));
    }

    @Test
    void aWholeTrainingIsToldInOrder() {
        assertThat(run(request(5))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(events)
                .extracting(Event::type)
                .containsExactly(
                        "training.warned",
                        "training.started",
                        "training.progress",
                        "checkpoint.saved",
                        "checkpoint.saved",
                        "training.progress",
                        "checkpoint.saved",
                        "training.completed");
        assertThat(events).allSatisfy(event -> {
            assertThat(event.subject()).isEqualTo("mugs/1");
            assertThat(event.source()).hasToString("/aquatint/trainer");
        });
        assertThat(events).extracting(Event::id).doesNotHaveDuplicates();

        TrainingStarted started = only(TrainingStarted.class);
        assertThat(started.epoch()).isEqualTo(1);
        assertThat(started.startStep()).isZero();
        assertThat(started.steps()).isEqualTo(5);
        assertThat(started.worker()).isEqualTo("tester");
        assertThat(started.device()).isNotBlank();
        assertThat(started.images()).isEqualTo(3);
        assertThat(started.trainSubset())
                .hasSize(1)
                .containsAnyElementsOf(request(5).images());
        assertThat(of(CheckpointSaved.class)).extracting(CheckpointSaved::step).containsExactly(2, 4, 5);
        CheckpointSaved last = of(CheckpointSaved.class).get(2);
        TrainingCompleted completed = only(TrainingCompleted.class);
        assertThat(completed.objectKey()).isEqualTo(last.objectKey()).isEqualTo(KEYS.adapter(place(1, 5)));
        assertThat(completed.sha256()).isEqualTo(last.sha256()).isEqualTo(Sha256.of(memory.get(last.objectKey())));
        assertThat(last.bytes()).isEqualTo(memory.get(last.objectKey()).length);
        assertThat(memory.stat(last.stateKey())).isPresent();
        assertThat(EventJson.read(memory.get(KEYS.completed()), TrainingCompleted.class))
                .isEqualTo(completed);
    }

    @Test
    void progressIsToldAtMostOnceASecondAndAtTheLastStep() {
        run(request(5));

        List<TrainingProgress> progress = of(TrainingProgress.class);
        assertThat(progress).extracting(TrainingProgress::step).containsExactly(1, 5);
        assertThat(progress.get(1).secondsLeft()).isZero();
        assertThat(progress).allSatisfy(told -> {
            assertThat(told.loss()).isPositive();
            assertThat(told.gradientNorm()).isPositive();
            assertThat(told.learningRate()).isEqualTo(9e-4);
        });
    }

    @Test
    void aTrainingThatIsContinuedElsewhereEndsWithTheSameWeights() {
        run(request(6));
        byte[] whole = memory.get(only(TrainingCompleted.class).objectKey());
        startAnew();

        onEvent = event -> leaveOff |= event instanceof CheckpointSaved saved && saved.step() == 2;
        assertThat(run(request(6))).isEqualTo(TrainingJob.End.HANDED_BACK);
        assertThat(of(TrainingCompleted.class)).isEmpty();
        assertThat(of(TrainingFailed.class)).isEmpty();

        leaveOff = false;
        onEvent = event -> leaveOff |= event instanceof TrainingProgress progress && progress.step() == 3;
        assertThat(run(request(6))).isEqualTo(TrainingJob.End.HANDED_BACK);
        assertThat(of(CheckpointSaved.class)).extracting(CheckpointSaved::step).contains(3);

        leaveOff = false;
        onEvent = event -> {};
        assertThat(run(request(6))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(of(TrainingStarted.class))
                .extracting(TrainingStarted::startStep)
                .containsExactly(0, 2, 3);
        assertThat(of(TrainingStarted.class)).extracting(TrainingStarted::epoch).containsExactly(1, 2, 3);
        assertThat(memory.get(only(TrainingCompleted.class).objectKey())).isEqualTo(whole);
        LoraWeights weights = adapter(only(TrainingCompleted.class).objectKey());
        assertThat(weights.modules()).isNotEmpty();
    }

    @Test
    void aTrainerThatDiedAfterItsLastCheckpointIsFollowedWithoutAnotherStep() {
        onEvent = event -> {
            if (event instanceof TrainingCompleted) {
                throw new OutOfThisWorld();
            }
        };
        run(request(2));
        memory.delete(KEYS.completed());
        memory.delete(KEYS.failed(1));
        events.clear();
        onEvent = event -> {};

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(types()).containsExactly("training.started", "checkpoint.saved", "training.completed");
        assertThat(only(TrainingCompleted.class).objectKey()).isEqualTo(KEYS.adapter(place(1, 2)));
        assertThat(only(TrainingCompleted.class).finalLoss()).isPositive();
    }

    @Test
    void anEpochThatIsNotTheCurrentOneAnyMorePublishesNothing() {
        onEvent = event -> {
            if (event instanceof TrainingStarted) {
                Epoch.claim(memory, KEYS, "another", NOON);
            }
        };

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.STALE);

        assertThat(types()).containsExactly("training.warned", "training.started");
        assertThat(memory.stat(KEYS.completed())).isEmpty();
    }

    @Test
    void aFailureOfAnEpochThatIsNotTheCurrentOneIsNotTold() {
        TrainingRequested request = request(4);
        onEvent = event -> {
            if (event instanceof TrainingStarted) {
                Epoch.claim(memory, KEYS, "another", NOON);
                throw new OutOfThisWorld();
            }
        };

        assertThat(run(request)).isEqualTo(TrainingJob.End.STALE);
        assertThat(of(TrainingFailed.class)).isEmpty();
    }

    @Test
    void aTrainingThatIsToldToStopIsCompleteAtThatStep() {
        onEvent = event -> stopped |= event instanceof CheckpointSaved saved && saved.step() == 4;

        assertThat(run(request(100))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(only(TrainingCompleted.class).step()).isEqualTo(4);
        assertThat(of(CheckpointSaved.class)).extracting(CheckpointSaved::step).containsExactly(2, 4);
    }

    @Test
    void aStopBetweenCheckpointsKeepsTheStepInHand() {
        onEvent = event -> stopped |= event instanceof TrainingProgress;

        assertThat(run(request(100))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(only(TrainingCompleted.class).step()).isEqualTo(1);
        assertThat(only(CheckpointSaved.class).step()).isEqualTo(1);
    }

    @Test
    void aTrainingThatWasToldToStopStaysStoppedElsewhere() {
        onEvent = event -> leaveOff |= event instanceof CheckpointSaved;
        run(request(100));
        leaveOff = false;
        stopped = true;
        events.clear();

        assertThat(run(request(100))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(types()).containsExactly("training.started", "checkpoint.saved", "training.completed");
        assertThat(only(TrainingCompleted.class).step()).isEqualTo(2);
    }

    @Test
    void aPictureThatIsMissingIsNamed() {
        ManifestImage second = request(4).images().get(1);
        memory.delete(second.objectKey());

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.IMAGE_MISSING);
        assertThat(failed.detail()).contains(second.sha256()).contains(second.objectKey());
        assertThat(failed.willRetry()).isFalse();
        assertThat(failed.attempt()).isEqualTo(1);
        assertThat(of(TrainingStarted.class)).isEmpty();
    }

    @Test
    void aPictureWithOtherBytesThanTheManifestSaysIsRefused() {
        ManifestImage first = request(4).images().get(0);
        memory.put(first.objectKey(), memory.get(request(4).images().get(1).objectKey()), "image/png");

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.IMAGE_MISSING);
        assertThat(only(TrainingFailed.class).detail()).contains("has the SHA-256");
    }

    @Test
    void aTrainingThatDivergesFailsForGood() {
        TrainingSpec spec = spec(Map.of("steps", 40, "alpha", 1e30, "learningRate", 0.9));

        assertThat(run(request(spec))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.NOT_A_NUMBER);
        assertThat(only(TrainingFailed.class).detail()).contains("lower the learning rate");
        assertThat(types()).endsWith("training.failed");
    }

    @Test
    void whateverIsWrongWithTheSpecIsSaidAtOnce() {
        TrainingSpec spec = spec(Map.of("steps", 0, "rank", 0, "method", "FULL"));

        assertThat(run(request(spec))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(failed.detail()).contains("steps is 0").contains("rank is 0").contains("FULL");
        assertThat(failed.willRetry()).isFalse();
        assertThat(types()).containsExactly("training.failed");
    }

    @Test
    void aNameThatCouldLeadToOtherKeysIsRefused() {
        TrainingRequested good = request(2);
        for (String dataset : List.of("../mugs", "mugs/1", "Mugs", "")) {
            assertThat(run(new TrainingRequested(
                            dataset + "/1", dataset, 1, good.spec(), good.images(), good.heldOut())))
                    .isEqualTo(TrainingJob.End.FAILED);
        }
        assertThat(run(new TrainingRequested("cups/1", "mugs", 1, good.spec(), good.images(), good.heldOut())))
                .isEqualTo(TrainingJob.End.FAILED);

        assertThat(of(TrainingFailed.class))
                .hasSize(5)
                .allMatch(failed -> failed.reason() == FailureReason.BAD_SPEC)
                .allMatch(failed -> failed.detail().contains("DATASET/BATCH"));
        assertThat(memory.list("trainings/")).isEmpty();
    }

    @Test
    void aTargetThatNamesNoLayerIsWrongInTheSpec() {
        assertThat(run(request(spec(Map.of("targetModules", List.of("to_x")))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(only(TrainingFailed.class).detail()).contains("'to_x'");
    }

    @Test
    void aResolutionThatThePicturesDoNotHaveIsWrongInTheSpec() {
        assertThat(run(request(spec(Map.of("resolution", 128))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BAD_SPEC);
        assertThat(only(TrainingFailed.class).detail())
                .contains("resolution is 128")
                .contains("64 x 64");
    }

    @Test
    void aBaseModelThatNobodyHasIsNamed() {
        assertThat(run(request(spec(Map.of("baseModel", "/no/such/model"))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.BASE_MODEL_MISSING);
        assertThat(only(TrainingFailed.class).detail()).contains("/no/such/model");
    }

    @Test
    void aBaseModelThatIsNotSupportedIsNamed() throws IOException {
        Path other = Files.createDirectories(work.resolve("other"));
        Files.writeString(other.resolve("model_index.json"), "{\"_class_name\": \"FluxPipeline\"}");

        assertThat(run(request(spec(Map.of("baseModel", other.toString()))))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.UNSUPPORTED_MODEL);
        assertThat(only(TrainingFailed.class).detail()).contains("FluxPipeline");
    }

    @Test
    void aJobThatWasCompletedBeforeIsToldAgainAndNotTrained() {
        run(request(2));
        TrainingCompleted completed = only(TrainingCompleted.class);
        Event<TrainingEvent> told = events.get(events.size() - 1);
        events.clear();

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED_BEFORE);

        assertThat(events).hasSize(1);
        assertThat(events.get(0).id()).isEqualTo(told.id());
        assertThat(only(TrainingCompleted.class)).isEqualTo(completed);
        assertThat(memory.list(KEYS.epochs())).doesNotContain(KEYS.claim(2));
    }

    @Test
    void aStoreThatDoesNotAnswerIsTriedAgainUntilTheAttemptsAreUsedUp() {
        store = failing(key -> key.endsWith("state.safetensors"));

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED);

        List<TrainingFailed> failed = of(TrainingFailed.class);
        assertThat(failed)
                .extracting(TrainingFailed::reason)
                .containsExactly(
                        FailureReason.UNAVAILABLE, FailureReason.UNAVAILABLE, FailureReason.DELIVERIES_EXHAUSTED);
        assertThat(failed).extracting(TrainingFailed::willRetry).containsExactly(true, true, false);
        assertThat(failed).extracting(TrainingFailed::attempt).containsExactly(1, 2, 3);
        assertThat(failed.get(2).detail()).contains("attempt 3 of 3").contains("state.safetensors");
    }

    @Test
    void whoeverRequestsAFailedTrainingAgainBeginsWithNewAttempts() {
        store = failing(key -> key.endsWith("state.safetensors"));
        run(request(2));
        run(request(2));
        run(request(2));
        store = memory;

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED);
    }

    @Test
    void aTrainingWhoseTrainersAllDiedIsGivenUp() {
        for (int i = 0; i < 3; i++) {
            Epoch.claim(memory, KEYS, "dead", NOON);
        }

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED);

        TrainingFailed failed = only(TrainingFailed.class);
        assertThat(failed.reason()).isEqualTo(FailureReason.DELIVERIES_EXHAUSTED);
        assertThat(failed.detail()).contains("begun 3 times");
        assertThat(failed.willRetry()).isFalse();
        assertThat(types()).containsExactly("training.failed");
    }

    @Test
    void aStoreThatWasNeverReachedCountsTheDeliveries() {
        store = failing(key -> key.endsWith("claim.json"));

        assertThat(run(request(2), 2)).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(run(request(2), 3)).isEqualTo(TrainingJob.End.FAILED);

        assertThat(of(TrainingFailed.class)).extracting(TrainingFailed::attempt).containsExactly(2, 3);
    }

    @Test
    void aFaultOfOursIsToldAndTheTrainerGoesOn() {
        onEvent = event -> {
            if (event instanceof TrainingStarted started && started.epoch() == 1) {
                throw new OutOfThisWorld();
            }
        };

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.FAILED_FOR_NOW);
        assertThat(only(TrainingFailed.class).reason()).isEqualTo(FailureReason.INTERNAL);
        assertThat(only(TrainingFailed.class).detail()).contains("OutOfThisWorld");

        assertThat(run(request(2))).isEqualTo(TrainingJob.End.COMPLETED);
    }

    @Test
    void aStoreThatFailsWhileTheTrainerIsToEndMakesNoFailure() {
        onEvent = event -> leaveOff |= event instanceof TrainingProgress;
        store = failing(key -> key.endsWith("state.safetensors"));

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.HANDED_BACK);
        assertThat(of(TrainingFailed.class)).isEmpty();
    }

    @Test
    void aCheckpointOfOtherSettingsIsWarnedOfAndNotContinued() {
        onEvent = event -> leaveOff |= event instanceof CheckpointSaved;
        run(request(6));
        leaveOff = false;
        onEvent = event -> {};
        events.clear();

        assertThat(run(request(4))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(only(TrainingWarned.class).rule()).isEqualTo("unusable-checkpoint");
        assertThat(only(TrainingWarned.class).detail()).contains("steps=6");
        assertThat(only(TrainingStarted.class).startStep()).isZero();
        assertThat(only(TrainingCompleted.class).step()).isEqualTo(4);
    }

    @Test
    void nativeMemoryIsAsBeforeWhenAJobIsDone() {
        run(request(2));
        int before = liveArrays();
        startAnew();
        onEvent = event -> leaveOff |= event instanceof CheckpointSaved;

        run(request(200));

        assertThat(liveArrays()).isEqualTo(before);
        try (var left = Files.list(work.resolve("scratch"))) {
            assertThat(left).isEmpty();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void nativeMemoryIsFlatOverTwoHundredSteps() {
        List<Integer> live = new ArrayList<>();
        onEvent = event -> {
            if (event instanceof CheckpointSaved) {
                live.add(liveArrays());
            }
        };

        run(request(spec(Map.of("steps", 200, "checkpointEvery", 20))));

        assertThat(live).hasSize(10).containsOnly(live.get(0));
    }

    @Test
    void stepsAndCheckpointsAreCounted() {
        run(request(5));

        assertThat(registry.counter("aquatint.training.steps").count()).isEqualTo(5);
        assertThat(registry.timer("aquatint.training.step").count()).isEqualTo(5);
        assertThat(registry.counter("aquatint.training.checkpoints").count()).isEqualTo(3);
    }

    @Test
    void aSinkThatTakesNothingIsNotTakenForTheTrainingsFault() {
        onEvent = event -> {
            throw new OutOfThisWorld();
        };

        assertThatThrownBy(() -> run(request(2))).isInstanceOf(OutOfThisWorld.class);
    }

    private static final class OutOfThisWorld extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private TrainingJob.End run(TrainingRequested request) {
        return run(request, 1);
    }

    private TrainingJob.End run(TrainingRequested request, int deliveries) {
        EventSink sink = event -> {
            onEvent.accept(event.data());
            events.add(event);
        };
        Signals signals = new Signals() {
            @Override
            public boolean leaveOff() {
                return leaveOff;
            }

            @Override
            public boolean stopped(String trainingId) {
                return stopped && trainingId.equals("mugs/1");
            }
        };
        var settings = new TrainerSettings(work, "tester", 3, Duration.ZERO);
        var tools = new TrainingJob.Tools(
                store, sink, model, settings, new TrainerMetrics(registry), Clock.fixed(NOON, ZoneOffset.UTC));
        return new TrainingJob(tools, request, deliveries, signals).run();
    }

    private void startAnew() {
        memory.list("trainings/").forEach(memory::delete);
        events.clear();
    }

    private List<String> types() {
        return events.stream().map(Event::type).toList();
    }

    private <T> List<T> of(Class<T> type) {
        return events.stream()
                .map(Event::data)
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    private <T> T only(Class<T> type) {
        assertThat(of(type)).hasSize(1);
        return of(type).get(0);
    }

    private LoraWeights adapter(String key) {
        Path file = work.resolve("adapter.safetensors");
        memory.download(key, file);
        return LoraFormats.read(file);
    }

    private static int liveArrays() {
        return ((PtNDManager) model.get(BaseModels.DEMO).manager())
                .getManagedArrays()
                .size();
    }

    /** The store, but that it fails to take some keys. */
    private ObjectStore failing(Predicate<String> keys) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    if (method.getName().startsWith("put") && keys.test((String) arguments[0])) {
                        throw new ObjectStoreException(
                                "cannot store '%s'".formatted(arguments[0]), new IOException("connection refused"));
                    }
                    try {
                        return method.invoke(memory, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static TrainingKeys.Place place(int epoch, int step) {
        return new TrainingKeys.Place(epoch, step);
    }

    private static TrainingRequested request(int steps) {
        return request(spec(Map.of("steps", steps)));
    }

    private static TrainingRequested request(TrainingSpec spec) {
        List<ManifestImage> images = pictures().entrySet().stream()
                .map(entry -> new ManifestImage(Sha256.of(entry.getValue()), entry.getKey(), "a photo of a sks mug", 1))
                .toList();
        return new TrainingRequested("mugs/1", "mugs", 1, spec, images.subList(0, 3), images.subList(3, 4));
    }

    private static TrainingSpec spec(Map<String, Object> settings) {
        ObjectNode json = EventJson.mapper().createObjectNode();
        json.put("resolution", 64);
        json.put("rank", 2);
        json.put("learningRate", 9e-4);
        json.put("checkpointEvery", 2);
        json.put("seed", 11);
        settings.forEach((key, value) -> json.set(key, EventJson.mapper().valueToTree(value)));
        return EventJson.read(EventJson.write(json), TrainingSpec.class);
    }

    private static Map<String, byte[]> pictures() {
        var random = new Random(3);
        var pictures = new TreeMap<String, byte[]>();
        for (int i = 0; i < 4; i++) {
            byte[] rgb = new byte[3 * 64 * 64];
            random.nextBytes(rgb);
            pictures.put("images/%d.png".formatted(i), new Picture(64, 64, rgb).toPng());
        }
        return pictures;
    }
}
