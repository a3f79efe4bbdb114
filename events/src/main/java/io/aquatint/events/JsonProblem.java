package io.aquatint.events;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.InvalidNullException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is wrong with JSON, for someone who never saw our Java: the field and what it must be. */
final class JsonProblem {
    private JsonProblem() {}

    /** For example {@code field 'spec.steps' must be a whole number}. */
    static String of(IOException e) {
        if (e instanceof InvalidNullException) {
            return field((JsonMappingException) e) + " is null, but must be given";
        } else if (e instanceof MismatchedInputException mismatch) {
            String message = mismatch.getOriginalMessage();
            return message.startsWith("Missing required")
                    ? field(mismatch) + " is missing"
                    : field(mismatch) + " must be " + expected(mismatch.getTargetType());
        } else if (e instanceof JsonMappingException mapping) {
            return field(mapping) + ": " + firstLine(mapping.getOriginalMessage());
        } else if (e instanceof JsonProcessingException syntax) {
            var place = syntax.getLocation();
            String where =
                    place == null ? "" : "line %d, column %d: ".formatted(place.getLineNr(), place.getColumnNr());
            return "no JSON: " + where + firstLine(syntax.getOriginalMessage());
        }
        return "no JSON: " + firstLine(e.getMessage());
    }

    private static String expected(@Nullable Class<?> type) {
        if (type == null) {
            return "of another type";
        } else if (type.isEnum()) {
            return "one of "
                    + Arrays.stream(type.getEnumConstants())
                            .map(constant -> ((Enum<?>) constant).name())
                            .collect(Collectors.joining(", "));
        } else if (type == int.class || type == Integer.class || type == long.class || type == Long.class) {
            return "a whole number";
        } else if (type == double.class || type == Double.class) {
            return "a number";
        } else if (type == boolean.class || type == Boolean.class) {
            return "true or false";
        } else if (type == String.class) {
            return "text";
        } else if (type == byte[].class) {
            return "base64 with + and /, padded, without line breaks";
        } else if (type == Instant.class) {
            return "a date and time of RFC 3339 with its offset, for example 2026-01-31T12:00:00Z";
        } else if (Collection.class.isAssignableFrom(type)) {
            return "a list";
        }
        return "an object";
    }

    /** For example {@code field 'spec.targetModules[0]'}. */
    private static String field(JsonMappingException e) {
        String path = e.getPath().stream()
                .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : "." + step.getFieldName())
                .collect(Collectors.joining());
        return path.isEmpty() ? "it" : "field '%s'".formatted(path.startsWith(".") ? path.substring(1) : path);
    }

    private static String firstLine(@Nullable String message) {
        return String.valueOf(message).lines().findFirst().orElse("").replaceFirst(" \\(start marker at .*", "");
    }
}
