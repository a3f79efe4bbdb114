package io.aquatint.cli;

import io.aquatint.events.BatchIncomplete;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.standalone.Standalone;
import io.aquatint.standalone.StandaloneConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "demo",
        description = "Everything once, in one process: pictures in as Kafka events, a trained model out.",
        footer = {
            "",
            "Starts a Kafka broker, an S3 store and the four services, sends the bundled photographs as an upload app would",
            "(one of them twice, two of them damaged), and shows what happens until the model is ready."
        },
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    private static final URI SOURCE = URI.create("/aquatint/demo");
    private static final String DATASET = "demo";
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description = "Where everything is kept (default: a new temporary folder).")
    private @Nullable Path data;

    @Option(names = "--keep", description = "Stay up afterwards, until Ctrl-C.")
    private boolean keep;

    @Option(
            names = "--http-port",
            paramLabel = "PORT",
            defaultValue = "0",
            description = "Where REST and metrics are served; 0 is a free port (default: ${DEFAULT-VALUE}).")
    private int httpPort;

    @Override
    public Integer call() throws Exception {
        System.setProperty("aquatint.log", "WARN"); // what happens is told from the events
        Path folder = data == null ? Files.createTempDirectory("aquatint-demo-") : data;
        PrintWriter out = spec.commandLine().getOut();
        out.printf("Aquatint demo; everything is kept in %s%n", folder.toAbsolutePath());
        out.flush();
        var config = StandaloneConfig.of(folder, 0, 0, new HttpConfig("localhost", httpPort));
        try (Standalone standalone = Standalone.start(config)) {
            Runtime.getRuntime().addShutdownHook(new Thread(standalone::close, "shutdown"));
            Addresses.print(out, standalone);
            standalone.awaitReady();
            String modelId = play(standalone, out);
            if (keep) {
                out.printf(
                        "Still up, with %s; Ctrl-C ends it.%n",
                        standalone.http().resolve("/v1/models/" + modelId));
                out.flush();
                standalone.awaitEnd();
            }
            out.flush();
        }
        return 0;
    }

    /** Sends the photographs and waits for the model; its name. */
    private static String play(Standalone standalone, PrintWriter out) throws IOException, InterruptedException {
        var ready = new CompletableFuture<String>();
        boolean terminal = Ansi.AUTO.enabled();
        try (Narrator narrator = new Narrator(out, terminal, standalone::place);
                EventTail tail = follow(standalone.kafka(), narrator, ready)) {
            tail.start();
            Kafka kafka = standalone.kafka();
            send(kafka, "configure", new DatasetConfigured(DATASET, trainingSpec()));
            int number = 0;
            for (Photograph photograph : photographs()) {
                number++;
                send(kafka, "photograph-" + number, photograph.upload());
            }
            send(kafka, "seal", new DatasetSealed(DATASET));
            return await(ready, standalone, tail);
        }
    }

    private static EventTail follow(Kafka kafka, Narrator narrator, CompletableFuture<String> ready) {
        return new EventTail(kafka, "demo")
                .fromNow()
                .on(Topics.IMAGE_VERDICTS, event -> narrator.tell(event.data()))
                .on(Topics.DATASET_EVENTS, event -> {
                    narrator.tell(event.data());
                    if (event.data() instanceof BatchIncomplete incomplete) {
                        fail(ready, incomplete.detail());
                    } else if (event.data() instanceof DatasetRejected rejected) {
                        fail(ready, String.join("; ", rejected.problems()));
                    }
                })
                .on(Topics.TRAINING_EVENTS, event -> {
                    narrator.tell(event.data());
                    if (event.data() instanceof TrainingFailed failed && !failed.willRetry()) {
                        fail(
                                ready,
                                "the training failed: %s: %s. %s"
                                        .formatted(
                                                failed.reason(),
                                                failed.detail(),
                                                failed.reason().advice()));
                    }
                })
                .on(Topics.VALIDATION_EVENTS, event -> narrator.tell(event.data()))
                .on(Topics.MODEL_EVENTS, event -> {
                    narrator.tell(event.data());
                    if (event.data() instanceof ModelReady model) {
                        ready.complete(model.modelId());
                    } else if (event.data() instanceof ModelRejected rejected) {
                        fail(ready, rejected.detail());
                    }
                });
    }

    private static String await(CompletableFuture<String> ready, Standalone standalone, EventTail tail)
            throws InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end) {
            Optional<String> failure = standalone.failure();
            if (failure.isPresent()) {
                throw new IllegalStateException(failure.get());
            } else if (!tail.health().live()) {
                throw new IllegalStateException(tail.health().detail());
            }
            if (ready.isDone()) {
                break;
            }
            TimeUnit.MILLISECONDS.sleep(200);
        }
        try {
            return ready.get(0, TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new IllegalStateException(
                    Objects.requireNonNullElse(e.getCause(), e).getMessage(), e);
        } catch (TimeoutException e) {
            throw new IllegalStateException(
                    "no model was ready after %d minutes; what happened so far is above"
                            .formatted(PATIENCE.toMinutes()),
                    e);
        }
    }

    private static void fail(CompletableFuture<String> ready, String reason) {
        ready.completeExceptionally(new IllegalStateException(reason));
    }

    private static void send(Kafka kafka, String id, UploadEvent event) {
        String unique = id + "-" + UUID.randomUUID();
        kafka.publisher().publishNow(Topics.IMAGE_UPLOADS, Event.of(unique, SOURCE, Instant.now(), DATASET, event));
    }

    private static TrainingSpec trainingSpec() throws IOException {
        return EventJson.read(resource("spec.json"), TrainingSpec.class);
    }

    /** @param name what the upload app calls it, where that is not the file's name */
    private record Photograph(
            String file, String caption, @Nullable String name) {
        ImageUploaded upload() throws IOException {
            return new ImageUploaded(
                    DATASET, name == null ? file : name, caption, null, resource(file), null, null, "aquatint demo");
        }
    }

    private static List<Photograph> photographs() throws IOException {
        return List.of(EventJson.read(resource("captions.json"), Photograph[].class));
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(DemoCommand.class.getResourceAsStream("demo/" + name), name)) {
            return in.readAllBytes();
        }
    }
}
