package io.aquatint.ingest.batch;

import io.aquatint.events.Topics;
import io.aquatint.runtime.kafka.DeadLetters;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.streams.errors.DeserializationExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;

/** A verdict that cannot be read goes to the dead letters with its reason, and the next one is read. */
public final class UndecodableVerdicts implements DeserializationExceptionHandler {
    @Override
    public Response handleError(
            ErrorHandlerContext context, ConsumerRecord<byte[], byte[]> record, Exception exception) {
        Headers headers = DeadLetters.headers(record, "UNDECODABLE", String.valueOf(exception.getMessage()));
        return Response.resume(
                List.of(new ProducerRecord<>(Topics.DEAD_LETTERS, null, record.key(), record.value(), headers)));
    }

    @Override
    public void configure(Map<String, ?> settings) {}
}
