package io.aquatint.events;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Every topic. Topic names stand nowhere else. */
public final class Topics {
    private static final Map<String, String> LARGE = Map.of("max.message.bytes", "8388608");

    public static final Topic<UploadEvent> IMAGE_UPLOADS =
            topic("image.uploads", UploadEvent.class, UploadEvent::dataset, 8, LARGE);
    public static final Topic<VerdictEvent> IMAGE_VERDICTS =
            topic("image.verdicts", VerdictEvent.class, VerdictEvent::dataset, 8, Map.of());
    public static final Topic<DatasetEvent> DATASET_EVENTS =
            topic("dataset.events", DatasetEvent.class, DatasetEvent::dataset, 4, Map.of());

    /**
     * One partition: where a share group has fewer members than partitions each partition has one member, and a job would wait
     * behind another while a trainer is idle. All members share a single partition.
     */
    public static final Topic<TrainingRequest> TRAINING_REQUESTS =
            topic("training.requests", TrainingRequest.class, TrainingRequest::trainingId, 1, LARGE);

    public static final Topic<TrainingEvent> TRAINING_EVENTS =
            topic("training.events", TrainingEvent.class, TrainingEvent::trainingId, 4, LARGE);
    public static final Topic<TrainingCommand> TRAINING_COMMANDS =
            topic("training.commands", TrainingCommand.class, TrainingCommand::trainingId, 4, Map.of());
    public static final Topic<ValidationEvent> VALIDATION_EVENTS =
            topic("validation.events", ValidationEvent.class, ValidationEvent::trainingId, 4, Map.of());

    /** Kept for ever: a registry that starts anew reads here what it announced already. */
    public static final Topic<ModelEvent> MODEL_EVENTS =
            topic("model.events", ModelEvent.class, ModelEvent::dataset, 4, Map.of("retention.ms", "-1"));

    public static final Topic<ModelVersion> MODEL_VERSIONS = topic(
            "model.versions",
            ModelVersion.class,
            ModelVersion::modelId,
            4,
            Map.of("cleanup.policy", "compact", "max.message.bytes", "8388608"));

    /** What could not be read or handled: the original bytes and headers, and {@code aquatint_} headers that say why. */
    public static final String DEAD_LETTERS = "dead.letters";

    private static final List<Topic<?>> ALL = List.of(
            IMAGE_UPLOADS,
            IMAGE_VERDICTS,
            DATASET_EVENTS,
            TRAINING_REQUESTS,
            TRAINING_EVENTS,
            TRAINING_COMMANDS,
            VALIDATION_EVENTS,
            MODEL_EVENTS,
            MODEL_VERSIONS);

    private Topics() {}

    /** All topics of events, in the order of an event's way. {@link #DEAD_LETTERS} holds raw bytes and is not among them. */
    public static List<Topic<?>> all() {
        return ALL;
    }

    public static Optional<Topic<?>> byName(String name) {
        return ALL.stream().filter(topic -> topic.name().equals(name)).findFirst();
    }

    private static <T> Topic<T> topic(
            String name, Class<T> family, Function<T, String> key, int partitions, Map<String, String> config) {
        return new Topic<>(name, family, key, partitions, config);
    }
}
