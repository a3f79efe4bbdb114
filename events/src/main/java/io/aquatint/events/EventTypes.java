package io.aquatint.events;

import java.util.LinkedHashMap;
import java.util.Map;

/** Finds the records of a sealed family by their CloudEvents type. */
final class EventTypes {
    private EventTypes() {}

    static String typeOf(Class<?> record) {
        EventType type = record.getAnnotation(EventType.class);
        if (type == null) {
            throw new IllegalArgumentException(record.getName() + " is no event: it has no @EventType");
        }
        return type.value();
    }

    /** The records of a family by type, in the order in which the family names them. A record is a family of one. */
    static <T> Map<String, Class<? extends T>> recordsOf(Class<T> family) {
        Map<String, Class<? extends T>> records = new LinkedHashMap<>();
        if (family.isRecord()) {
            records.put(typeOf(family), family);
            return records;
        }
        for (Class<?> permitted : family.getPermittedSubclasses()) {
            records.put(typeOf(permitted), permitted.asSubclass(family));
        }
        return records;
    }
}
