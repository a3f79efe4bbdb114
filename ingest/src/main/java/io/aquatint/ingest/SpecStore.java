package io.aquatint.ingest;

import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;

/** The spec in force of each data set, in the object store, where every ingest process finds it. */
final class SpecStore {
    private final ObjectStore store;

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

    private static String key(String dataset) {
        return "datasets/%s/spec.json".formatted(dataset);
    }
}
