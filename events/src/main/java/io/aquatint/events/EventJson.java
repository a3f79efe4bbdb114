package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.type.LogicalType;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.time.Instant;

/**
 * JSON of events: camelCase names of the record components, ISO-8601 times, absent instead of null, unknown fields ignored.
 * What is not {@code @Nullable} has to be there, and of its own type: no text for numbers, no numbers for text. A double that
 * is no number, or infinite, is refused: JSON has none.
 */
public final class EventJson {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .addModule(new Jdk8Module())
            .addModule(new SimpleModule("strict values")
                    .addSerializer(Double.class, new StrictValues.DoubleWriter())
                    .addSerializer(Double.TYPE, new StrictValues.DoubleWriter())
                    .addDeserializer(Double.class, new StrictValues.DoubleReader())
                    .addDeserializer(Double.TYPE, new StrictValues.DoubleReader())
                    .addDeserializer(byte[].class, new StrictValues.BytesReader())
                    .addDeserializer(Instant.class, new StrictValues.TimeReader()))
            .annotationIntrospector(new RequiredUnlessNullable())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .withCoercionConfig(
                    LogicalType.Textual, text -> text.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                            .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                            .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
            .withCoercionConfig(
                    LogicalType.DateTime, time -> time.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                            .setCoercion(CoercionInputShape.Float, CoercionAction.Fail))
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .defaultPropertyInclusion(
                    JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.NON_NULL))
            .defaultSetterInfo(JsonSetter.Value.construct(Nulls.DEFAULT, Nulls.FAIL))
            .build();

    private EventJson() {}

    /** The mapper that all event data is written and read with. */
    public static ObjectMapper mapper() {
        return MAPPER;
    }

    /**
     * The data of an event as JSON bytes.
     *
     * @throws EventFormatException if JSON cannot say it: a double that is no number, or infinite
     */
    public static byte[] write(Object data) {
        try {
            return MAPPER.writeValueAsBytes(data);
        } catch (JsonProcessingException e) {
            throw new EventFormatException(
                    "no JSON can be written of %s: %s".formatted(nameOf(data.getClass()), JsonProblem.of(e)), e);
        }
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws EventFormatException if the bytes are not JSON of that record
     */
    public static <T> T read(byte[] json, Class<T> type) {
        try {
            T value = json.length == 0 ? null : MAPPER.readValue(json, type);
            if (value != null) {
                return value;
            }
        } catch (IOException e) {
            throw new EventFormatException("no %s: %s".formatted(nameOf(type), JsonProblem.of(e)), e);
        }
        throw new EventFormatException("no %s: it is %s".formatted(nameOf(type), json.length == 0 ? "empty" : "null"));
    }

    /** What people call it: an event by its CloudEvents type. */
    private static String nameOf(Class<?> type) {
        EventType event = type.getAnnotation(EventType.class);
        return event == null ? type.getSimpleName() : event.value();
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
}
