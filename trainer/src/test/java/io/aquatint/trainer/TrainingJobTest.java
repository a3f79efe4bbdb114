package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.Sha256;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

class TrainingJobTest extends TrainingJobFixture {
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
        assertThat(completed.objectKey()).isEqualTo(last.objectKey()).isEqualTo(KEYS.result(place(1, 5), Method.LORA));
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
    void aTrainingGoesOnWhileACheckpointIsStored() {
        run(request(5));
        byte[] second = memory.get(KEYS.result(place(1, 2), Method.LORA));
        byte[] fourth = memory.get(KEYS.result(place(1, 4), Method.LORA));
        startAnew();

        double before = steps();
        Iterator<Integer> stepsToAwait = List.of(4, 5, 5).iterator();
        uploads = task -> {
            int awaited = stepsToAwait.next();
            new Thread(() -> {
                        while (steps() - before < awaited) {
                            LockSupport.parkNanos(1_000_000);
                        }
                        task.run();
                    })
                    .start();
        };
        assertThat(run(request(5))).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(of(CheckpointSaved.class)).extracting(CheckpointSaved::step).containsExactly(2, 4, 5);
        assertThat(types()).endsWith("checkpoint.saved", "training.completed");
        assertThat(memory.get(KEYS.result(place(1, 2), Method.LORA))).isEqualTo(second);
        assertThat(memory.get(KEYS.result(place(1, 4), Method.LORA))).isEqualTo(fourth);
    }

    @Test
    void anEpochThatIsNotTheCurrentOneAnyMoreDeletesNothing() {
        AtomicInteger checkpoints = new AtomicInteger();
        uploads = task -> {
            if (checkpoints.incrementAndGet() == 2) {
                Epoch.claim(memory, KEYS, "another", NOON);
            }
            task.run();
        };

        assertThat(run(request(5))).isEqualTo(TrainingJob.End.STALE);

        assertThat(memory.list(KEYS.epochs())).contains(KEYS.state(place(1, 2)));
    }

    private double steps() {
        return registry.counter("aquatint.training.steps").count();
    }

    @Test
    void aTrainerThatLeavesOffWaitsForTheCheckpointOnItsWay() {
        uploads = task -> new Thread(() -> {
                    leaveOff = true;
                    LockSupport.parkNanos(300_000_000);
                    task.run();
                })
                .start();

        assertThat(run(request(100))).isEqualTo(TrainingJob.End.HANDED_BACK);

        List<Integer> told =
                of(CheckpointSaved.class).stream().map(CheckpointSaved::step).toList();
        assertThat(told).startsWith(2);
        assertThat(CompleteCheckpoints.all(KEYS, memory.list(KEYS.epochs())))
                .extracting(TrainingKeys.Place::step)
                .isEqualTo(told);
    }

    @Test
    void onlyTheNewestCheckpointsAndTheBestAreKeptAndOneState() {
        scores = Map.of(0, 1.0, 1, 0.9, 2, 0.7, 3, 0.8, 4, 0.9, 5, 0.9);

        run(request(spec(Map.of("steps", 5, "checkpointEvery", 1, "checkpointsKept", 2))));

        List<String> stored = memory.list(KEYS.epochs());
        assertThat(CompleteCheckpoints.all(KEYS, stored)).containsExactly(place(1, 2), place(1, 4), place(1, 5));
        assertThat(stored)
                .filteredOn(key -> key.endsWith("state.safetensors"))
                .containsExactly(KEYS.state(place(1, 5)));
        assertThat(stored).doesNotContain(KEYS.result(place(1, 3), Method.LORA));
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
        assertThat(only(TrainingCompleted.class).objectKey()).isEqualTo(KEYS.result(place(1, 2), Method.LORA));
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
}
