package io.aquatint.trainer;

import io.aquatint.trainer.TrainingKeys.Place;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** Tells from the store's keys which checkpoints there are. A trainer that died may have left a part of one. */
public final class CompleteCheckpoints {
    /** By step; of two with the same step the later epoch's comes later. */
    private static final Comparator<Place> ORDER =
            Comparator.comparingInt(Place::step).thenComparingInt(Place::epoch);

    private CompleteCheckpoints() {}

    /** Those that can be used, by step; the older ones may have no state any more. */
    public static List<Place> all(TrainingKeys keys, Collection<String> stored) {
        return complete(keys, stored).toList();
    }

    /** The one with the most steps that a training can go on from, whichever epoch wrote it. */
    public static Optional<Place> newest(TrainingKeys keys, Collection<String> stored) {
        Set<String> present = new HashSet<>(stored);
        return complete(keys, stored)
                .filter(place -> present.contains(keys.state(place)))
                .max(ORDER);
    }

    /**
     * Those that need not be kept. The newest are kept, the best of those that were scored, and those whose scores are still to
     * come; when nothing was scored, not even the base model, no scores are waited for.
     *
     * @param kept how many of the newest, at least one
     * @param scores the held-out scores by step, where lower is better; 0 is the base model
     */
    static List<Place> superfluous(Collection<Place> complete, int kept, Map<Integer, Double> scores) {
        Set<Integer> newest = new HashSet<>();
        TreeSet<Integer> steps = new TreeSet<>();
        complete.forEach(place -> steps.add(place.step()));
        steps.descendingSet().stream().limit(kept).forEach(newest::add);
        Optional<Integer> best = steps.stream()
                .filter(scores::containsKey)
                .min(Comparator.comparingDouble((Integer step) -> scores.getOrDefault(step, Double.MAX_VALUE))
                        .thenComparingInt(step -> step));
        return complete.stream()
                .filter(place -> !newest.contains(place.step()))
                .filter(place -> !best.equals(Optional.of(place.step())))
                .filter(place -> scores.isEmpty() || scores.containsKey(place.step()))
                .toList();
    }

    private static Stream<Place> complete(TrainingKeys keys, Collection<String> stored) {
        Set<String> present = new HashSet<>(stored);
        return stored.stream()
                .filter(keys::isResult)
                .map(keys::placeOf)
                .flatMap(Optional::stream)
                .filter(place -> present.contains(keys.saved(place)))
                .distinct()
                .sorted(ORDER);
    }
}
