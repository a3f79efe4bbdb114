package io.aquatint.events;

import org.apache.kafka.common.errors.SerializationException;
import org.jspecify.annotations.Nullable;

/** A record of a topic that is not an event of that topic. The message says what was wrong, where, and what to do. */
public final class EventFormatException extends SerializationException {
    public EventFormatException(String message) {
        super(message);
    }

    public EventFormatException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
