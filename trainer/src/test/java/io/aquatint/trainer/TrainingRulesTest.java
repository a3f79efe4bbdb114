package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.ManifestImage;
import io.aquatint.events.Method;
import io.aquatint.trainer.TrainingKeys.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TrainingRulesTest {
    private final TrainingKeys keys = new TrainingKeys("mugs", 2);

    @Test
    void everythingOfAnEpochHasItsPlaceInTheEpochsFolder() {
        assertThat(keys.claim(3)).isEqualTo("trainings/mugs/2/epochs/3/claim.json");
        assertThat(keys.handedBack(3)).isEqualTo("trainings/mugs/2/epochs/3/handed-back.json");
        assertThat(keys.failed(3)).isEqualTo("trainings/mugs/2/epochs/3/failed.json");
        assertThat(keys.result(new Place(3, 100), Method.LORA))
                .isEqualTo("trainings/mugs/2/epochs/3/checkpoints/000100/adapter.safetensors");
        assertThat(keys.state(new Place(12, 1_234_567)))
                .isEqualTo("trainings/mugs/2/epochs/12/checkpoints/1234567/state.safetensors");
        assertThat(keys.completed()).isEqualTo("trainings/mugs/2/completed.json");
    }

    @Test
    void noKeyLiesBelowAnother() {
        Place place = new Place(1, 100);
        List<String> all = List.of(
                keys.completed(),
                keys.claim(1),
                keys.handedBack(1),
                keys.failed(1),
                keys.result(place, Method.LORA),
                keys.state(place),
                keys.saved(place));
        assertThat(all).noneMatch(key -> all.stream().anyMatch(other -> other.startsWith(key + "/")));
    }

    @Test
    void placesAndEpochsAreReadBackFromTheirKeysAndFromNoOthers() {
        Place place = new Place(12, 1_234_567);
        assertThat(keys.placeOf(keys.state(place))).hasValue(place);
        assertThat(keys.placeOf(keys.result(place, Method.LORA))).hasValue(place);
        assertThat(keys.placeOf(keys.saved(place))).hasValue(place);
        assertThat(keys.placeOf(keys.claim(12))).isEmpty();
        assertThat(keys.placeOf(new TrainingKeys("mugs", 22).state(place))).isEmpty();
        assertThat(keys.epochOfClaim(keys.claim(12))).hasValue(12);
        assertThat(keys.epochOfClaim(keys.handedBack(12))).isEmpty();
        assertThat(keys.epochOfClaim(keys.claim(0))).isEmpty();
        assertThat(keys.epochOfHandedBack(keys.handedBack(7))).hasValue(7);
        assertThat(keys.epochOfFailed(keys.failed(8))).hasValue(8);
    }

    @Test
    void aCheckpointIsCompleteWithAdapterStateAndItsEvent() {
        Place whole = new Place(1, 200);
        List<String> stored = new ArrayList<>(whole(new Place(1, 100)));
        stored.addAll(whole(whole));
        stored.add(keys.result(new Place(1, 300), Method.LORA));
        stored.add(keys.state(new Place(1, 300)));
        stored.add(keys.saved(new Place(1, 400)));
        assertThat(CompleteCheckpoints.newest(keys, stored)).hasValue(whole);
        assertThat(CompleteCheckpoints.newest(keys, List.of(keys.result(whole, Method.LORA), keys.claim(1))))
                .isEmpty();
    }

    @Test
    void partsOfDifferentEpochsMakeNoCheckpoint() {
        assertThat(CompleteCheckpoints.newest(
                        keys,
                        List.of(
                                keys.result(new Place(1, 100), Method.LORA),
                                keys.state(new Place(2, 100)),
                                keys.saved(new Place(2, 100)))))
                .isEmpty();
    }

    @Test
    void theCheckpointWithTheMostStepsIsTheNewestWhicheverEpochWroteIt() {
        List<String> stored = new ArrayList<>(whole(new Place(10, 100)));
        stored.addAll(whole(new Place(2, 300)));
        stored.addAll(whole(new Place(3, 300)));
        assertThat(CompleteCheckpoints.newest(keys, stored)).hasValue(new Place(3, 300));
    }

    @Test
    void anOldCheckpointCanStillBeUsedWithoutItsState() {
        List<String> stored = new ArrayList<>(whole(new Place(1, 200)));
        stored.addAll(whole(new Place(1, 100)));
        stored.remove(keys.state(new Place(1, 100)));
        assertThat(CompleteCheckpoints.all(keys, stored)).containsExactly(new Place(1, 100), new Place(1, 200));
        assertThat(CompleteCheckpoints.newest(keys, stored)).hasValue(new Place(1, 200));
    }

    @Test
    void theNewestCheckpointsTheBestAndThoseStillToBeScoredAreKept() {
        List<Place> all =
                List.of(new Place(1, 100), new Place(1, 200), new Place(1, 300), new Place(1, 400), new Place(2, 500));
        Map<Integer, Double> scores = Map.of(0, 1.0, 100, 0.9, 200, 0.8, 300, 0.8);

        assertThat(CompleteCheckpoints.superfluous(all, 1, scores)).containsExactly(all.get(0), all.get(2));
        assertThat(CompleteCheckpoints.superfluous(all, 3, scores)).containsExactly(all.get(0));
        assertThat(CompleteCheckpoints.superfluous(all, 5, scores)).isEmpty();
        assertThat(CompleteCheckpoints.superfluous(all, 2, Map.of(0, 1.0))).isEmpty();
        assertThat(CompleteCheckpoints.superfluous(all, 2, Map.of()))
                .containsExactly(all.get(0), all.get(1), all.get(2));
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

    private List<String> whole(Place place) {
        return List.of(keys.result(place, Method.LORA), keys.state(place), keys.saved(place));
    }
}
