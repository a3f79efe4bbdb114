package io.aquatint.trainer;

import io.aquatint.trainer.TrainingKeys.Place;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** Tells from the store's keys where a training can go on. */
public final class CompleteCheckpoints {
    private CompleteCheckpoints() {}

    /**
     * The checkpoint with the most steps, whichever epoch wrote it, of which everything is there; a trainer that died may have left
     * a part. Of two with the same step the later epoch's.
     */
    public static Optional<Place> newest(TrainingKeys keys, Collection<String> stored) {
        Set<String> present = new HashSet<>(stored);
        return stored.stream()
                .map(keys::placeOf)
                .flatMap(Optional::stream)
                .filter(place -> present.contains(keys.adapter(place))
                        && present.contains(keys.state(place))
                        && present.contains(keys.saved(place)))
                .max(Comparator.comparingInt(Place::step).thenComparingInt(Place::epoch));
    }
}
