package io.aquatint.ingest;

import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The spec in force of each data set, in the object store, where every ingest process finds it; and how its pictures are sized, which
 * stays as it is once there are some: pictures of two resolutions cannot be trained on together.
 */
final class SpecStore {
    /** Larger pictures than any base model is trained for would only fill the memory. */
    private static final int LARGEST_RESOLUTION = 2048;

    /** In bytes. It travels in every request of the data set. */
    private static final int LARGEST_SPEC = 64 << 10;

    private final ObjectStore store;
    private final Set<String> settled = ConcurrentHashMap.newKeySet();

    /** What all pictures of a data set have in common; they are square where nothing is said of buckets. */
    private record Pictures(int resolution, @Nullable Boolean buckets) {
        boolean hasBuckets() {
            return Boolean.TRUE.equals(buckets);
        }
    }

    SpecStore(ObjectStore store) {
        this.store = store;
    }

    /** The data set's spec; the defaults when it was never configured. */
    TrainingSpec get(String dataset) {
        try {
            return EventJson.read(store.get(key(dataset)), TrainingSpec.class);
        } catch (ObjectMissingException e) {
            return TrainingSpec.defaults();
        }
    }

    void put(String dataset, TrainingSpec spec) {
        store.put(key(dataset), EventJson.write(spec), "application/json");
    }

    /** Everything that is wrong with a spec for this data set, as sentences. */
    List<String> problems(String dataset, TrainingSpec spec) {
        int bytes = EventJson.write(spec).length;
        if (bytes > LARGEST_SPEC) {
            return List.of(
                    "the spec has %d bytes, but %d are allowed: shorten its texts".formatted(bytes, LARGEST_SPEC));
        }
        List<String> problems = new ArrayList<>(spec.problems());
        int resolution = spec.resolution();
        if (resolution > LARGEST_RESOLUTION) {
            problems.add("resolution is %d, but must be at most %d".formatted(resolution, LARGEST_RESOLUTION));
        }
        pictures(dataset).ifPresent(before -> {
            if (before.resolution() != resolution) {
                problems.add(
                        "resolution is %d, but the data set has pictures of %d already: keep that, or make another data set"
                                .formatted(resolution, before.resolution()));
            }
            if (before.hasBuckets() != spec.aspectRatioBuckets()) {
                problems.add(
                        "aspectRatioBuckets is %s, but the data set has pictures that were cut %s already: keep that, or make another data set"
                                .formatted(spec.aspectRatioBuckets(), before.hasBuckets() ? "to buckets" : "square"));
            }
        });
        return problems;
    }

    /** Remembers that the data set has a picture that was prepared as this spec says. */
    void settle(String dataset, TrainingSpec spec) {
        if (!settled.contains(dataset)) {
            Pictures pictures = new Pictures(spec.resolution(), spec.aspectRatioBuckets() ? true : null);
            store.putIfAbsent(picturesKey(dataset), EventJson.write(pictures), "application/json");
            settled.add(dataset);
        }
    }

    private Optional<Pictures> pictures(String dataset) {
        try {
            return Optional.of(EventJson.read(store.get(picturesKey(dataset)), Pictures.class));
        } catch (ObjectMissingException e) {
            return Optional.empty();
        }
    }

    private static String key(String dataset) {
        return "datasets/%s/spec.json".formatted(dataset);
    }

    private static String picturesKey(String dataset) {
        return "datasets/%s/pictures.json".formatted(dataset);
    }
}
