package io.aquatint.registry;

import static io.aquatint.registry.Trainings.alert;
import static io.aquatint.registry.Trainings.checkpoint;
import static io.aquatint.registry.Trainings.completed;
import static io.aquatint.registry.Trainings.request;
import static io.aquatint.registry.Trainings.scored;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.events.AlertLevel;
import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.ModelScores;
import io.aquatint.events.ModelVersion;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class LineageTest {
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");

    private final Lineage lineage = new Lineage(Trainings.ID);

    @Test
    void nothingIsChosenBeforeTheTrainingIsDone() {
        lineage.take(request());
        lineage.take(checkpoint(100, 1));
        assertThat(lineage.complete()).isFalse();
        assertThat(lineage.chosen()).isEmpty();
        assertThat(lineage.draft(NOW)).isEmpty();
    }

    @Test
    void theFinalCheckpointIsChosenEvenWhereAnEarlierScoredBetter() {
        training(200);
        lineage.take(scored(100, 0.6));
        lineage.take(scored(200, 0.8));
        lineage.take(alert(AlertLevel.WARNING));
        assertThat(lineage.chosen()).map(ModelCheckpoint::step).contains(200);
    }

    @Test
    void aTrainingStoppedByACriticalAlertGivesItsBestScoredCheckpoint() {
        lineage.take(checkpoint(50, 1));
        training(150);
        lineage.take(scored(0, 0.1));
        lineage.take(scored(50, 0.8));
        lineage.take(scored(100, 0.6));
        lineage.take(scored(150, 0.9));
        lineage.take(alert(AlertLevel.CRITICAL));
        assertThat(lineage.chosen()).map(ModelCheckpoint::step).contains(100);
    }

    @Test
    void aCriticalAlertThatCameTooLateToStopTheTrainingChangesNothing() {
        training(200);
        lineage.take(scored(100, 0.6));
        lineage.take(alert(AlertLevel.CRITICAL));
        assertThat(lineage.chosen()).map(ModelCheckpoint::step).contains(200);
    }

    @Test
    void aScoreThatIsNoNumberIsNeverTheBest() {
        training(150);
        lineage.take(scored(100, Double.NaN));
        lineage.take(scored(150, 0.9));
        lineage.take(alert(AlertLevel.CRITICAL));
        assertThat(lineage.chosen()).map(ModelCheckpoint::step).contains(150);
    }

    @Test
    void aStoppedTrainingWithoutScoresGivesItsLastCheckpoint() {
        training(150);
        lineage.take(alert(AlertLevel.CRITICAL));
        assertThat(lineage.chosen()).map(ModelCheckpoint::step).contains(150);
    }

    @Test
    void ofTwoEpochsTheHigherCountsInWhateverOrderTheyCome() {
        lineage.take(request());
        lineage.take(checkpoint(200, 2));
        lineage.take(completed(200, 2));
        lineage.take(checkpoint(200, 1));
        lineage.take(completed(200, 1));
        assertThat(lineage.chosen()).map(ModelCheckpoint::objectKey).contains("checkpoint-200-2");
        assertThat(version().checkpoints()).extracting(ModelCheckpoint::sha256).containsExactly("hash-200-2");
    }

    @Test
    void anEventTakenTwiceChangesNothing() {
        training(200);
        lineage.take(scored(200, 0.8));
        ModelVersion once = version();
        training(200);
        lineage.take(scored(200, 0.8));
        assertThat(version()).isEqualTo(once);
    }

    @Test
    void itIsScoredWhenTheFinalStepIs() {
        training(200);
        lineage.take(scored(100, 0.8));
        assertThat(lineage.scored()).isFalse();
        lineage.take(scored(200, 0.7));
        assertThat(lineage.scored()).isTrue();
        assertThat(version().scores()).contains(new ModelScores(200, 0.7, 0.5));
    }

    @Test
    void aVersionNamesWhatItWasMadeFrom() {
        training(200);
        lineage.take(scored(200, 0.7));
        ModelVersion version = version();
        assertThat(version.modelId()).isEqualTo("cats/3");
        assertThat(version.version()).isEqualTo(3);
        assertThat(version.baseModel()).isEqualTo("demo");
        assertThat(version.spec()).isEqualTo(request().spec());
        assertThat(version.images()).isEqualTo(request().images());
        assertThat(version.heldOut()).isEqualTo(request().heldOut());
        assertThat(version.checkpoints()).extracting(ModelCheckpoint::step).containsExactly(100, 200);
        assertThat(version.scores()).extracting(ModelScores::step).containsExactly(200);
    }

    @Test
    void anEventOfAnotherTrainingIsABug() {
        assertThatThrownBy(() -> new Lineage("dogs/1").take(request())).isInstanceOf(IllegalArgumentException.class);
    }

    private void training(int last) {
        lineage.take(request());
        lineage.take(checkpoint(100, 1));
        lineage.take(checkpoint(last, 1));
        lineage.take(completed(last, 1));
    }

    private ModelVersion version() {
        return lineage.draft(NOW).orElseThrow().version();
    }
}
