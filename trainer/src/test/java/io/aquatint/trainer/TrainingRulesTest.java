package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.ManifestImage;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingRulesTest {
    private final TrainingKeys keys = new TrainingKeys("mugs", 2);

    @Test
    void keysHaveTheirPlaceBelowTheTraining() {
        assertThat(keys.epoch(3)).isEqualTo("trainings/mugs/2/epochs/3");
        assertThat(keys.adapter(100)).isEqualTo("trainings/mugs/2/checkpoints/000100/adapter.safetensors");
        assertThat(keys.state(1_234_567)).isEqualTo("trainings/mugs/2/checkpoints/1234567/state.safetensors");
    }

    @Test
    void stepsAndEpochsAreReadBackFromTheirKeysAndFromNoOthers() {
        assertThat(keys.stepOf(keys.state(100))).hasValue(100);
        assertThat(keys.stepOf(keys.adapter(1_234_567))).hasValue(1_234_567);
        assertThat(keys.stepOf(new TrainingKeys("mugs", 22).state(100))).isEmpty();
        assertThat(keys.epochOf(keys.epoch(12))).hasValue(12);
        assertThat(keys.epochOf(keys.epochs() + "x")).isEmpty();
    }

    @Test
    void aCheckpointIsCompleteWithAdapterAndState() {
        List<String> stored = List.of(
                keys.adapter(100),
                keys.state(100),
                keys.adapter(200),
                keys.state(200),
                keys.adapter(300),
                keys.state(400));
        assertThat(CompleteCheckpoints.newest(keys, stored)).hasValue(200);
        assertThat(CompleteCheckpoints.newest(keys, List.of(keys.adapter(100)))).isEmpty();
    }

    @Test
    void theSubsetIsTheSameWhateverTheOrderOfTheManifest() {
        ManifestImage a = new ManifestImage("a1", "k", "", 1);
        ManifestImage b = new ManifestImage("b1", "k", "", 1);
        ManifestImage c = new ManifestImage("c1", "k", "", 1);
        assertThat(TrainSubset.of(List.of(c, a, b), 2)).containsExactly(a, b);
        assertThat(TrainSubset.of(List.of(b, c, a), 2)).containsExactly(a, b);
        assertThat(TrainSubset.of(List.of(a), 2)).containsExactly(a);
    }
}
