package io.aquatint.ingest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.events.EventFormatException;
import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads a spec that a person wrote, and tells all that is wrong with it at once. */
final class SpecReader {
    private SpecReader() {}

    /** What keeps JSON from being a spec, as sentences: settings that are not known, and values of another type. */
    static List<String> problems(byte[] json) {
        List<String> problems = new ArrayList<>();
        try {
            problems.addAll(TrainingSpec.unknownFields(json));
            for (Map.Entry<String, JsonNode> field :
                    EventJson.read(json, ObjectNode.class).properties()) {
                ObjectNode alone = EventJson.mapper().createObjectNode();
                alone.set(field.getKey(), field.getValue());
                readingProblem(alone).ifPresent(problems::add);
            }
        } catch (EventFormatException e) {
            problems.add("the body is no JSON object: " + e.getMessage());
        }
        return problems;
    }

    /**
     * Reads a spec without problems.
     *
     * @throws EventFormatException if it has some
     */
    static TrainingSpec read(byte[] json) {
        return EventJson.read(json, TrainingSpec.class);
    }

    private static Optional<String> readingProblem(ObjectNode spec) {
        try {
            read(EventJson.write(spec));
            return Optional.empty();
        } catch (EventFormatException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }
}
