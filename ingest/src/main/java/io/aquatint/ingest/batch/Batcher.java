package io.aquatint.ingest.batch;

import io.aquatint.events.BatchCompleted;
import io.aquatint.events.BatchIncomplete;
import io.aquatint.events.BatchTrigger;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRole;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.VerdictEvent;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.jspecify.annotations.Nullable;

/** Collects the pictures of each data set into batches. */
final class Batcher implements Processor<String, @Nullable Event<VerdictEvent>, String, Event<?>> {
    private static final URI SOURCE = URI.create("/aquatint/batcher");
    private static final String CLASS = "class:";
    private static final Duration QUIET_CHECK = Duration.ofSeconds(1);

    @SuppressWarnings("NullAway.Init")
    private ProcessorContext<String, Event<?>> context;

    /** By data set. */
    @SuppressWarnings("NullAway.Init")
    private KeyValueStore<String, DatasetState> datasets;

    /** By "data set/content hash", one entry a picture, and its class pictures by "class:data set/content hash". A data set's name holds neither slash nor colon. */
    @SuppressWarnings("NullAway.Init")
    private KeyValueStore<String, StoredImage> images;

    @Override
    public void init(ProcessorContext<String, Event<?>> context) {
        this.context = context;
        datasets = context.getStateStore(BatcherTopology.DATASETS);
        images = context.getStateStore(BatcherTopology.IMAGES);
        context.schedule(QUIET_CHECK, PunctuationType.WALL_CLOCK_TIME, this::completeQuietBatches);
    }

    @Override
    public void process(Record<String, @Nullable Event<VerdictEvent>> record) {
        Event<VerdictEvent> event = record.value();
        if (event == null) {
            return; // a tombstone says nothing
        }
        VerdictEvent verdict = event.data();
        if (verdict instanceof ImageAccepted accepted) {
            accept(accepted);
        } else if (verdict instanceof DatasetConfigured configured) {
            configure(configured);
        } else if (verdict instanceof DatasetSealed sealed) {
            seal(sealed.dataset());
        }
        // A refused picture belongs to no batch.
    }

    private void accept(ImageAccepted accepted) {
        String dataset = accepted.dataset();
        boolean ofClass = accepted.role() == ImageRole.CLASS;
        String key = (ofClass ? CLASS + dataset : dataset) + "/" + accepted.sha256();
        if (images.get(key) != null) {
            return;
        }
        DatasetState state = stateOf(dataset);
        ManifestImage image =
                new ManifestImage(accepted.sha256(), accepted.objectKey(), accepted.caption(), state.batch());
        int bytes = EventJson.write(image).length + 1;
        if (!state.hasRoomFor(bytes)) {
            leaveOut(accepted, state.images());
            return;
        }
        images.put(key, new StoredImage(state.images(), image));
        long now = context.currentSystemTimeMs();
        if (ofClass) {
            datasets.put(dataset, state.withClassImage(bytes, now));
        } else {
            keepOrComplete(dataset, state.withNewImage(bytes, now));
        }
    }

    private void leaveOut(ImageAccepted accepted, int images) {
        String dataset = accepted.dataset();
        String problem =
                "the picture %s is left out: with %d pictures the data set has as many as one training can be asked for, so begin another"
                        .formatted(accepted.sha256(), images);
        String id = "dataset.rejected:%s/%s".formatted(dataset, accepted.sha256());
        forward(id, dataset, new DatasetRejected(dataset, List.of(problem)), BatcherTopology.EVENTS);
    }

    private void configure(DatasetConfigured configured) {
        String dataset = configured.dataset();
        keepOrComplete(dataset, stateOf(dataset).withSpec(configured.spec()));
    }

    private void keepOrComplete(String dataset, DatasetState state) {
        if (state.isFull()) {
            complete(dataset, state, BatchTrigger.SIZE);
        } else {
            datasets.put(dataset, state);
        }
    }

    private void seal(String dataset) {
        DatasetState state = stateOf(dataset);
        if (state.hasMinimum()) {
            complete(dataset, state, BatchTrigger.SEALED);
        } else if (state.newImages() > 0 || state.batch() == 1) {
            incomplete(dataset, state);
        }
        // Nothing came since the last batch completed: there is nothing to seal.
    }

    private void completeQuietBatches(long nowMillis) {
        List<KeyValue<String, DatasetState>> quiet = new ArrayList<>();
        try (KeyValueIterator<String, DatasetState> all = datasets.all()) {
            all.forEachRemaining(entry -> {
                if (entry.value.hasMinimum() && entry.value.isQuiet(nowMillis)) {
                    quiet.add(entry);
                }
            });
        }
        quiet.forEach(entry -> complete(entry.key, entry.value, BatchTrigger.QUIET));
    }

    private void complete(String dataset, DatasetState state, BatchTrigger trigger) {
        List<ManifestImage> all = imagesOf(dataset);
        List<String> chosen = state.heldOut().isEmpty()
                ? HeldOut.choose(
                        dataset, all.stream().map(ManifestImage::sha256).toList())
                : state.heldOut();
        Set<String> hashes = new LinkedHashSet<>(chosen);
        List<ManifestImage> heldOut =
                all.stream().filter(image -> hashes.contains(image.sha256())).toList();
        List<ManifestImage> trained =
                all.stream().filter(image -> !hashes.contains(image.sha256())).toList();
        datasets.put(dataset, state.nextBatch(chosen));

        String trainingId = dataset + "/" + state.batch();
        TrainingRequest request = new TrainingRequested(
                trainingId, dataset, state.batch(), state.spec(), trained, heldOut, imagesOf(CLASS + dataset));
        forward("training.requested:" + trainingId, trainingId, request, BatcherTopology.REQUESTS);
        DatasetEvent completed =
                new BatchCompleted(dataset, state.batch(), all.size(), state.newImages(), heldOut.size(), trigger);
        forward("batch.completed:" + trainingId, dataset, completed, BatcherTopology.EVENTS);
    }

    private void incomplete(String dataset, DatasetState state) {
        int have = state.newImages();
        int need = state.spec().minimumImages();
        int missing = need - have;
        String detail =
                "Data set %s was sealed with %d of the %d pictures that a training needs: send %d more and seal it again."
                        .formatted(dataset, have, need, missing);
        DatasetEvent event = new BatchIncomplete(dataset, state.batch(), have, need, missing, detail);
        String id = "batch.incomplete:%s/%d:%d".formatted(dataset, state.batch(), have);
        forward(id, dataset, event, BatcherTopology.EVENTS);
    }

    private void forward(String id, String key, Object data, String sink) {
        long now = context.currentSystemTimeMs();
        Event<?> event = Event.of(id, SOURCE, Instant.ofEpochMilli(now), key, data);
        context.forward(new Record<String, Event<?>>(key, event, now), sink);
    }

    /** @param dataset with {@link #CLASS} before it for its class pictures */
    private List<ManifestImage> imagesOf(String dataset) {
        List<StoredImage> stored = new ArrayList<>();
        try (KeyValueIterator<String, StoredImage> all = images.prefixScan(dataset + "/", new StringSerializer())) {
            all.forEachRemaining(entry -> stored.add(entry.value));
        }
        stored.sort(Comparator.comparingInt(StoredImage::position));
        return stored.stream().map(StoredImage::image).toList();
    }

    private DatasetState stateOf(String dataset) {
        DatasetState state = datasets.get(dataset);
        return state == null ? DatasetState.initial() : state;
    }
}
