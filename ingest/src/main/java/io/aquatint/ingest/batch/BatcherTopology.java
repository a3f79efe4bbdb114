package io.aquatint.ingest.batch;

import io.aquatint.events.EventJson;
import io.aquatint.events.Topics;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * Verdicts in; training requests and batch events out. State is in memory, with a changelog; run it with
 * {@code exactly_once_v2}, so that a completed batch is exactly one request.
 */
public final class BatcherTopology {
    static final String DATASETS = "datasets";
    static final String IMAGES = "images";
    static final String REQUESTS = "requests";
    static final String EVENTS = "events";

    private static final String VERDICTS = "verdicts";
    private static final String BATCHER = "batcher";

    private BatcherTopology() {}

    public static Topology build() {
        return new Topology()
                .addSource(
                        VERDICTS,
                        Serdes.String().deserializer(),
                        Topics.IMAGE_VERDICTS.serde().deserializer(),
                        Topics.IMAGE_VERDICTS.name())
                .addProcessor(BATCHER, Batcher::new, VERDICTS)
                .addStateStore(
                        Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore(DATASETS), Serdes.String(), json(DatasetState.class)),
                        BATCHER)
                .addStateStore(
                        Stores.keyValueStoreBuilder(
                                Stores.inMemoryKeyValueStore(IMAGES), Serdes.String(), json(StoredImage.class)),
                        BATCHER)
                .addSink(
                        REQUESTS,
                        Topics.TRAINING_REQUESTS.name(),
                        Serdes.String().serializer(),
                        Topics.TRAINING_REQUESTS.serde().serializer(),
                        BATCHER)
                .addSink(
                        EVENTS,
                        Topics.DATASET_EVENTS.name(),
                        Serdes.String().serializer(),
                        Topics.DATASET_EVENTS.serde().serializer(),
                        BATCHER);
    }

    private static <T> Serde<T> json(Class<T> type) {
        return Serdes.serdeFrom(
                (topic, value) -> value == null ? null : EventJson.write(value),
                (topic, bytes) -> bytes == null ? null : EventJson.read(bytes, type));
    }
}
