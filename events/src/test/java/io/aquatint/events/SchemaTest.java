package io.aquatint.events;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.aquatint.events.Examples.Example;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the JSON Schemas, which people read and wrote, against the records. */
final class SchemaTest {
    private static final String FOLDER = "/io/aquatint/events/schema/";
    private static final SchemaRegistry REGISTRY =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
    private static final List<String> BOUNDS = List.of(
            "pattern",
            "minLength",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "minItems",
            "propertyNames");
    private static final SchemaRegistry WITHOUT_BOUNDS = SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12,
            registry -> registry.schemas(allRecords().values().stream()
                    .collect(toMap(file -> "urn:aquatint:/" + file, file -> withoutBounds(schema(file))
                            .toString()))));

    static Stream<Class<?>> records() {
        return allRecords().keySet().stream();
    }

    static Stream<Example<?>> examples() {
        return Examples.all();
    }

    @Test
    void everyTypeHasAnExample() {
        assertThat(Examples.all().map(Example::type)).containsExactlyInAnyOrderElementsOf(types().keySet());
    }

    @Test
    void everySchemaBelongsToARecord() throws Exception {
        Set<String> files = new TreeSet<>();
        var folder = Path.of(SchemaTest.class.getResource(FOLDER).toURI());
        try (var found = Files.walk(folder)) {
            found.filter(Files::isRegularFile)
                    .forEach(file -> files.add(folder.relativize(file).toString()));
        }
        assertThat(files).isEqualTo(new TreeSet<>(allRecords().values()));
    }

    @ParameterizedTest
    @MethodSource("records")
    void theSchemaSaysWhatTheRecordHolds(Class<?> record) {
        JsonNode schema = schema(allRecords().get(record));
        EventType type = record.getAnnotation(EventType.class);

        assertThat(schema.path("$schema").asText()).isEqualTo("https://json-schema.org/draft/2020-12/schema");
        assertThat(schema.path("title").asText()).isEqualTo(type == null ? record.getSimpleName() : type.value());
        assertThat(schema.path("description").asText()).isNotBlank();
        assertThat(names(schema.path("properties").fieldNames()))
                .containsExactly(Arrays.stream(record.getRecordComponents())
                        .map(component -> component.getName())
                        .toArray(String[]::new));
        Set<String> required = new LinkedHashSet<>();
        for (var component : record.getRecordComponents()) {
            JsonNode property = schema.path("properties").path(component.getName());
            assertThat(property.path("description").asText())
                    .as(component.getName())
                    .isNotBlank();
            boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
            assertThat(typesOf(property))
                    .as("%s.%s", record.getSimpleName(), component.getName())
                    .isEqualTo(expected(component.getAnnotatedType(), nullable));
            if (!nullable && record != TrainingSpec.class) {
                required.add(component.getName());
            }
        }
        assertThat(texts(schema.path("required"))).isEqualTo(required);
    }

    @Test
    void everySettingsDefaultIsInTheSchema() {
        ObjectNode defaults = EventJson.mapper().valueToTree(TrainingSpec.defaults());
        JsonNode properties = schema("types/training-spec.json").path("properties");
        ObjectNode documented = EventJson.mapper().createObjectNode();
        properties.properties().forEach(property -> {
            if (property.getValue().has("default")) {
                documented.set(property.getKey(), property.getValue().get("default"));
            }
        });
        assertThat(EventJson.read(documented.toString().getBytes(StandardCharsets.UTF_8), TrainingSpec.class))
                .isEqualTo(TrainingSpec.defaults());
        assertThat(names(documented.fieldNames())).isEqualTo(names(defaults.fieldNames()));
        Map.of(
                        "learningRateSchedule", TrainingSpec.LEARNING_RATE_SCHEDULES,
                        "learnableProperty", TrainingSpec.LEARNABLE_PROPERTIES,
                        "precision", TrainingSpec.PRECISIONS,
                        "optimizer", TrainingSpec.OPTIMIZERS)
                .forEach((name, values) ->
                        assertThat(texts(properties.path(name).path("enum"))).containsExactlyElementsOf(values));
    }

    @ParameterizedTest
    @MethodSource("examples")
    void whatIsWrittenIsValid(Example<?> example) {
        assertThat(errors(example.type(), json(example))).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("examples")
    void theExampleForPeopleIsTheOneOfTheTests(Example<?> example) throws IOException {
        JsonNode json = EventJson.mapper().readTree(json(example));

        assertThat(schema(example.type() + ".json").path("examples").path(0)).isEqualTo(json);
    }

    @ParameterizedTest
    @MethodSource("examples")
    void whatLacksAFieldIsNot(Example<?> example) {
        JsonNode required = schema(example.type() + ".json").path("required");
        for (JsonNode name : required) {
            ObjectNode json = EventJson.mapper().valueToTree(example.event().data());
            json.remove(name.textValue());
            assertThat(errors(example.type(), json.toString())).singleElement().matches(error -> error.getKeyword()
                    .equals("required"));
        }
    }

    /** What a schema says of a type, less what bounds its values. */
    private static JsonNode expected(AnnotatedType type, boolean nullable) {
        ObjectNode json = EventJson.mapper().createObjectNode();
        String name = jsonType(type.getType());
        if (type.getType() instanceof Class<?> record && record.isRecord()) {
            String file = allRecords().get(record);
            if (nullable) {
                json.putArray("oneOf")
                        .add(json.objectNode().put("$ref", file))
                        .add(json.objectNode().put("type", "null"));
                return json;
            }
            return json.put("$ref", file);
        } else if (nullable) {
            json.putArray("type").add(name).add("null");
        } else {
            json.put("type", name);
        }
        if (type.getType() instanceof Class<?> enumeration && enumeration.isEnum()) {
            var values = json.putArray("enum");
            Arrays.stream(enumeration.getEnumConstants()).forEach(value -> values.add(((Enum<?>) value).name()));
            if (nullable) {
                values.addNull();
            }
        } else if (type.getType() == byte[].class) {
            json.put("contentEncoding", "base64");
        } else if (type.getType() == Instant.class) {
            json.put("format", "date-time");
        } else if (name.equals("array")) {
            json.set(
                    "items", expected(((AnnotatedParameterizedType) type).getAnnotatedActualTypeArguments()[0], false));
        } else if (name.equals("object")) {
            json.set(
                    "additionalProperties",
                    expected(((AnnotatedParameterizedType) type).getAnnotatedActualTypeArguments()[1], false));
        }
        return json;
    }

    private static String jsonType(Type type) {
        if (type == int.class || type == long.class || type == Integer.class || type == Long.class) {
            return "integer";
        } else if (type == double.class || type == Double.class) {
            return "number";
        } else if (type == boolean.class) {
            return "boolean";
        } else if (type.getTypeName().startsWith("java.util.List<")) {
            return "array";
        } else if (type.getTypeName().startsWith("java.util.Map<")) {
            return "object";
        } else if (type instanceof Class<?> other
                && (other == String.class || other == byte[].class || other == Instant.class || other.isEnum())) {
            return "string";
        }
        return type.getTypeName();
    }

    private static JsonNode typesOf(JsonNode property) {
        ObjectNode types = property.deepCopy();
        withoutBounds(types);
        return types.remove(List.of("description", "default"));
    }

    /** A schema less what bounds the values of a type: that is the services' matter, not the reader's. */
    private static JsonNode withoutBounds(JsonNode schema) {
        for (JsonNode within : schema) {
            withoutBounds(within);
        }
        if (schema instanceof ObjectNode object) {
            object.remove(BOUNDS);
            if (object.path("format").asText().equals("uri-reference")) {
                object.remove("format");
            }
            if (object.path("default").asText().matches("[a-z].*")) {
                object.remove("enum"); // a text, though its values are known
            }
        }
        return schema;
    }

    private static String json(Example<?> example) {
        return new String(EventJson.write(example.event().data()), StandardCharsets.UTF_8);
    }

    static List<Error> errors(String type, String json) {
        Schema schema = REGISTRY.getSchema(SchemaLocation.of("classpath:" + FOLDER.substring(1) + type + ".json"));
        return schema.validate(json, InputFormat.JSON);
    }

    /** What the schema says against its types alone. */
    static List<Error> typeErrors(String type, String json) {
        return WITHOUT_BOUNDS
                .getSchema(SchemaLocation.of("urn:aquatint:/" + type + ".json"))
                .validate(json, InputFormat.JSON);
    }

    static JsonNode schema(String file) {
        try (InputStream in = SchemaTest.class.getResourceAsStream(FOLDER + file)) {
            assertThat(in).as("the schema %s", file).isNotNull();
            return EventJson.mapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(file, e);
        }
    }

    /** Every record of every topic by its CloudEvents type. */
    static Map<String, Class<?>> types() {
        Map<String, Class<?>> types = new LinkedHashMap<>();
        Topics.all().forEach(topic -> types.putAll(topic.records()));
        return types;
    }

    /** Every record of every topic, and those within them, with the file of its schema. */
    private static Map<Class<?>, String> allRecords() {
        Map<Class<?>, String> files = new LinkedHashMap<>();
        List<Class<?>> open = new ArrayList<>(types().values());
        while (!open.isEmpty()) {
            Class<?> record = open.remove(0);
            EventType type = record.getAnnotation(EventType.class);
            String file = type == null
                    ? "types/"
                            + record.getSimpleName()
                                    .replaceAll("(?<=[a-z])(?=[A-Z])", "-")
                                    .toLowerCase(Locale.ROOT)
                    : type.value();
            if (files.putIfAbsent(record, file + ".json") == null) {
                Arrays.stream(record.getRecordComponents())
                        .flatMap(component -> Stream.concat(
                                Stream.of(component.getType()),
                                component.getAnnotatedType() instanceof AnnotatedParameterizedType generic
                                        ? Arrays.stream(generic.getAnnotatedActualTypeArguments())
                                                .map(argument -> (Class<?>) argument.getType())
                                        : Stream.of()))
                        .filter(Class::isRecord)
                        .forEach(open::add);
            }
        }
        return files;
    }

    private static Set<String> names(Iterator<String> names) {
        Set<String> set = new LinkedHashSet<>();
        names.forEachRemaining(set::add);
        return set;
    }

    private static Set<String> texts(JsonNode array) {
        Set<String> set = new LinkedHashSet<>();
        array.forEach(text -> set.add(text.textValue()));
        return set;
    }
}
