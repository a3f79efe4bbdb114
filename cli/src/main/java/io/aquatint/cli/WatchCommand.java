package io.aquatint.cli;

import io.aquatint.events.EventJson;
import io.aquatint.events.Topic;
import io.aquatint.events.Topics;
import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "watch",
        description = "Print every event of every topic as one JSON line: topic, key, type, data.",
        footer = {
            "",
            "Begins with the oldest event that Kafka keeps. With jq, for example:",
            "  aquatint watch --topic image.verdicts | jq -c 'select(.type == \"image.rejected\") | .data'"
        },
        mixinStandardHelpOptions = true)
final class WatchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--bootstrap",
            paramLabel = "HOST:PORT",
            description = "Kafka's brokers (default: AQUATINT_KAFKA_BOOTSTRAP or localhost:9092).")
    private @Nullable String bootstrap;

    @Option(names = "--topic", paramLabel = "NAME", description = "Only this topic; may be given more than once.")
    private List<String> names = List.of();

    @Option(names = "--new", description = "Only events that come from now on.")
    private boolean onlyNew;

    @Option(names = "--once", description = "End when all events that are there now have been printed.")
    private boolean once;

    @Override
    public Integer call() throws Exception {
        Map<String, String> flags =
                new Flags(Map.of()).with("kafka.bootstrap", bootstrap).toMap();
        KafkaConfig config = ConfigLoader.load(KafkaConfig.class, flags, Optional.empty(), System.getenv());
        try (Kafka kafka = new Kafka(config);
                EventTail tail = new EventTail(kafka, "watch")) {
            if (onlyNew) {
                tail.fromNow();
            }
            topics().forEach(topic -> print(tail, topic));
            tail.start();
            tail.caughtUp().get();
            while (!once && tail.health().live()) {
                TimeUnit.SECONDS.sleep(1);
            }
            if (!tail.health().live()) {
                throw new IllegalStateException(tail.health().detail());
            }
        }
        return 0;
    }

    private <T> void print(EventTail tail, Topic<T> topic) {
        PrintWriter out = spec.commandLine().getOut();
        tail.on(topic, event -> {
            out.println(EventJson.line(topic, event));
            out.flush();
        });
    }

    private List<Topic<?>> topics() {
        if (names.isEmpty()) {
            return Topics.all();
        }
        return names.stream().<Topic<?>>map(this::topic).toList();
    }

    private Topic<?> topic(String name) {
        return Topics.byName(name)
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        "there is no topic '%s'; there are %s"
                                .formatted(
                                        name,
                                        String.join(
                                                ", ",
                                                Topics.all().stream()
                                                        .map(Topic::name)
                                                        .toList()))));
    }
}
