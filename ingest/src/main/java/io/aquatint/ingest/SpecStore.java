package io.aquatint.ingest;

import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The spec in force of each data set, in the object store, where every ingest process finds it; and the resolution of its pictures,
 * which stays as it is once there are some: pictures of two sizes cannot be trained on together.
 */
final class SpecStore {
    /** Larger pictures than any base model is trained for would only fill the memory. */
    private static final int LARGEST_RESOLUTION = 2048;

    /** In bytes. It travels in every request of the data set. */
    private static final int LARGEST_SPEC = 64 << 10;

    private final ObjectStore store;
    private final Set<String> settled = ConcurrentHashMap.newKeySet();

    /** What all pictures of a data set have in common. */
    private record Pictures(int resolution) {}

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
        OptionalInt before = resolutionOfPictures(dataset);
        if (before.isPresent() && before.getAsInt() != resolution) {
            problems.add(
                    "resolution is %d, but the data set has pictures of %d already: keep that, or make another data set"
                            .formatted(resolution, before.getAsInt()));
        }
        return problems;
    }

    /** Remembers that the data set has a picture of this resolution. */
    void settle(String dataset, int resolution) {
        if (!settled.contains(dataset)) {
            store.putIfAbsent(picturesKey(dataset), EventJson.write(new Pictures(resolution)), "application/json");
            settled.add(dataset);
        }
    }

    private OptionalInt resolutionOfPictures(String dataset) {
        try {
            return OptionalInt.of(EventJson.read(store.get(picturesKey(dataset)), Pictures.class)
                    .resolution());
        } catch (ObjectMissingException e) {
            return OptionalInt.empty();
        }
    }

    private static String key(String dataset) {
        return "datasets/%s/spec.json".formatted(dataset);
    }

    private static String picturesKey(String dataset) {
        return "datasets/%s/pictures.json".formatted(dataset);
    }
}
