package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;

/** JSON of events: camelCase names of the record components, ISO-8601 times, absent instead of null, unknown fields ignored. */
public final class EventJson {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .addModule(new Jdk8Module())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .defaultPropertyInclusion(
                    JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
            .build();

    private EventJson() {}

    /** The mapper that all event data is written and read with. */
    public static ObjectMapper mapper() {
        return MAPPER;
    }

    /** The data of an event as JSON bytes. */
    public static byte[] write(Object data) {
        try {
            return MAPPER.writeValueAsBytes(data);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("cannot write " + data.getClass().getName() + " as JSON", e);
        }
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws EventFormatException if the bytes are not JSON of that record
     */
    public static <T> T read(byte[] json, Class<T> type) {
        try {
            return MAPPER.readValue(json, type);
        } catch (IOException e) {
            throw new EventFormatException("not a %s: %s".formatted(type.getSimpleName(), firstLine(e)), e);
        }
    }

    /** An event as one line of JSON for people and scripts: topic, key, type, subject, id, time and data. */
    public static String line(Topic<?> topic, Event<?> event) {
        ObjectNode node = MAPPER.createObjectNode();
        node.put("topic", topic.name());
        node.put("key", event.subject());
        node.put("type", event.type());
        node.put("id", event.id());
        node.put("source", event.source().toString());
        node.put("time", event.time().toString());
        node.set("data", MAPPER.valueToTree(event.data()));
        return node.toString();
    }

    static String firstLine(Exception e) {
        String message = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
        return String.valueOf(message).lines().findFirst().orElse(e.getClass().getSimpleName());
    }
}
