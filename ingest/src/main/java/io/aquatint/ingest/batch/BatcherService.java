package io.aquatint.ingest.batch;

import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.lifecycle.Health;
import io.aquatint.runtime.lifecycle.Service;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs {@link BatcherTopology} in transactions, so that a completed batch is exactly one request. */
public final class BatcherService implements Service {
    private static final Logger LOG = LoggerFactory.getLogger(BatcherService.class);
    private static final Duration CLOSE = Duration.ofSeconds(20);

    private final KafkaStreams streams;
    private volatile String failure = "";

    /** @param work where Kafka Streams keeps its lock file; the state itself is in Kafka */
    public BatcherService(Kafka kafka, Path work) {
        var properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "aquatint-batcher");
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, kafka.config().bootstrap());
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, "50");
        properties.put(StreamsConfig.STATE_DIR_CONFIG, work.resolve("streams").toString());
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
        properties.put(
                StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, UndecodableVerdicts.class.getName());
        properties.put("session.timeout.ms", "6000");
        properties.put("auto.offset.reset", "earliest");
        properties.put(StreamsConfig.producerPrefix("max.request.size"), String.valueOf(8 << 20));
        this.streams = new KafkaStreams(BatcherTopology.build(), properties);
        streams.setUncaughtExceptionHandler(thrown -> {
            LOG.error("the batcher stops", thrown);
            failure = "stopped by " + thrown;
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    }

    @Override
    public String name() {
        return "batcher";
    }

    @Override
    public void start() {
        streams.start();
    }

    @Override
    public Health health() {
        if (!failure.isEmpty()) {
            return Health.down(failure);
        }
        return switch (streams.state()) {
            case RUNNING -> Health.up();
            case CREATED, REBALANCING -> Health.starting("restoring its state");
            case PENDING_ERROR, ERROR, PENDING_SHUTDOWN, NOT_RUNNING -> Health.down("closed");
        };
    }

    /** Leaves its group, so that the next one need not wait for it to time out. */
    @Override
    public void close() {
        boolean ended = streams.close(CloseOptions.timeout(CLOSE)
                .withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
        if (!ended) {
            LOG.warn("the batcher did not end within {}", CLOSE);
        }
    }
}
