package io.aquatint.trainer;

import java.util.Collection;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;

/** Tells from the store's keys where a training can go on. */
public final class CompleteCheckpoints {
    private CompleteCheckpoints() {}

    /** The newest step of which both the adapter and the state are there; a trainer that died may have left one of them alone. */
    public static OptionalInt newest(TrainingKeys keys, Collection<String> stored) {
        Set<String> present = new HashSet<>(stored);
        return stored.stream()
                .map(keys::stepOf)
                .filter(OptionalInt::isPresent)
                .mapToInt(OptionalInt::getAsInt)
                .filter(step -> present.contains(keys.adapter(step)) && present.contains(keys.state(step)))
                .max();
    }
}
