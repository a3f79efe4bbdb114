package io.aquatint.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What was given on the command line, by the key of its setting. */
final class Flags {
    private final Map<String, String> given;

    /** @param settings those that were given by their keys */
    Flags(Map<String, String> settings) {
        given = new LinkedHashMap<>(settings);
    }

    /** @param value null when the option was not given */
    Flags with(String key, @Nullable Object value) {
        if (value != null) {
            given.put(key, value.toString());
        }
        return this;
    }

    Map<String, String> toMap() {
        return given;
    }
}
