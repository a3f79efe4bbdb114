package io.aquatint.runtime.kafka;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** What a dead letter says of itself: its own headers, and {@code aquatint_} headers that say why it is one and where it stood. */
public final class DeadLetters {
    private static final int LONGEST_TEXT = 2000;

    private DeadLetters() {}

    /** The headers of a record's dead letter. */
    public static Headers headers(ConsumerRecord<?, ?> record, String reason, String detail) {
        return explained(new RecordHeaders(record.headers()), record, reason, detail);
    }

    static Headers explained(Headers headers, ConsumerRecord<?, ?> record, String reason, String detail) {
        put(headers, "aquatint_reason", reason);
        put(headers, "aquatint_detail", shortened(detail));
        put(headers, "aquatint_topic", record.topic());
        put(headers, "aquatint_partition", Integer.toString(record.partition()));
        put(headers, "aquatint_offset", Long.toString(record.offset()));
        return headers;
    }

    static String shortened(String text) {
        return text.length() <= LONGEST_TEXT ? text : text.substring(0, LONGEST_TEXT) + " ...";
    }

    static void put(Headers headers, String key, String value) {
        headers.remove(key);
        headers.add(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
