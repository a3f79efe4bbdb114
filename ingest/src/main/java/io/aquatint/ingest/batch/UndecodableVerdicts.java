package io.aquatint.ingest.batch;

import io.aquatint.events.Topics;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;

/** A verdict that cannot be read goes to the dead letters with its reason, and the next one is read. */
public final class UndecodableVerdicts implements DeserializationExceptionHandler {
    @Override
    public Response handleError(
            ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception exception) {
        Headers headers = new RecordHeaders(record.headers());
        put(headers, "aquatint_reason", "UNDECODABLE");
        put(headers, "aquatint_detail", String.valueOf(exception.getMessage()));
        put(headers, "aquatint_topic", record.topic());
        put(headers, "aquatint_partition", Integer.toString(record.partition()));
        put(headers, "aquatint_offset", Long.toString(record.offset()));
        return Response.resume(
                List.of(new ProducerRecord<>(Topics.DEAD_LETTERS, null, record.key(), record.value(), headers)));
    }

    @Override
    public void configure(Map<String, ?> settings) {}

    private static void put(Headers headers, String key, String value) {
        headers.remove(key);
        headers.add(key, value.getBytes(StandardCharsets.UTF_8));
    }
}
