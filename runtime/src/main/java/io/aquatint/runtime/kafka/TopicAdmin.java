package io.aquatint.runtime.kafka;

import io.aquatint.events.Topic;
import io.aquatint.events.Topics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;

/** Creates topics and sets up share groups. */
public final class TopicAdmin {
    private final Kafka kafka;

    public TopicAdmin(Kafka kafka) {
        this.kafka = kafka;
    }

    /** Creates the topics that are missing, and the one for dead letters, with the broker's replication factor. */
    public void ensure(List<Topic<?>> topics) {
        var wanted = new ArrayList<NewTopic>();
        topics.forEach(topic -> wanted.add(
                new NewTopic(topic.name(), Optional.of(topic.partitions()), Optional.empty()).configs(topic.config())));
        wanted.add(new NewTopic(Topics.DEAD_LETTERS, Optional.of(1), Optional.empty())
                .configs(Map.of("max.message.bytes", "8454144")));
        try (Admin admin = kafka.admin()) {
            admin.createTopics(wanted).values().values().forEach(created -> await(created, true));
        }
    }

    /** Makes a share group read its topic from the beginning; without it records sent before its first member are missed. */
    public void ensureShareGroup(String group) {
        try (Admin admin = kafka.admin()) {
            var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            var earliest =
                    new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            await(
                    admin.incrementalAlterConfigs(Map.of(resource, List.of(earliest)))
                            .all(),
                    false);
        }
    }

    private static void await(KafkaFuture<Void> future, boolean mayExist) {
        try {
            future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted while Kafka was being set up", e);
        } catch (ExecutionException e) {
            if (!(mayExist && e.getCause() instanceof TopicExistsException)) {
                throw new KafkaException("Kafka cannot be set up: " + e.getMessage(), e);
            }
        }
    }
}
