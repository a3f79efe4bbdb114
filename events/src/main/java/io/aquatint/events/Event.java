package io.aquatint.events;

import java.net.URI;
import java.time.Instant;

/**
 * One CloudEvent: its attributes and its data. On Kafka it is in binary mode: the attributes are {@code ce_} headers and the
 * value is the data as JSON.
 *
 * @param id identifies the event; where the same fact always gets the same id, a duplicate is recognisable
 * @param source who says so, for example {@code /aquatint/ingest}
 * @param time when it happened
 * @param subject what it is about: a data set, a training, a model
 */
public record Event<T>(String id, URI source, Instant time, String subject, T data) {

    public static <T> Event<T> of(String id, URI source, Instant time, String subject, T data) {
        return new Event<>(id, source, time, subject, data);
    }

    /** The same event with other data. */
    public <U> Event<U> withData(U other) {
        return new Event<>(id, source, time, subject, other);
    }

    /** The CloudEvents type, for example {@code image.accepted}. */
    public String type() {
        return EventTypes.typeOf(data.getClass());
    }
}
