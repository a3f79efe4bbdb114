package io.aquatint.cli;

import io.aquatint.events.BatchIncomplete;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.Method;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.SamplesGenerated;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.standalone.Standalone;
import io.aquatint.standalone.StandaloneConfig;
import java.awt.Desktop;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Locale;
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
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "demo",
        description = "Everything once, in one process: pictures in as Kafka events, a trained model out.",
        footer = {
            "",
            "Starts a Kafka broker, an S3 store and the four services, sends pictures of a",
            "mascot as an upload app would (one of them twice, one cut short, one that claims",
            "900 million pixels), and shows what happens until the base model has learned to",
            "draw it. What it drew before, on the way and in the end is put side by side in",
            "one picture."
        },
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    private static final URI SOURCE = URI.create("/aquatint/demo");
    private static final String DATASET = DemoLesson.DATASET;
    private static final Duration PATIENCE = Duration.ofMinutes(20);

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

    @Option(
            names = "--method",
            paramLabel = "METHOD",
            defaultValue = "lora",
            description = "lora, dreambooth, textual-inversion or full (default: ${DEFAULT-VALUE}).")
    private String method = "lora";

    @Option(
            names = "--overfit",
            description = "Three pictures, ten times the learning rate, five times the steps: see it warn and stop.")
    private boolean overfit;

    @Override
    public Integer call() throws Exception {
        DemoLesson lesson = new DemoLesson(named(method), overfit);
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
            DemoSheet sheet = new DemoSheet();
            String modelId = play(standalone, lesson, sheet, out);
            show(standalone, sheet, folder.resolve("demo.png"), out);
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

    private Method named(String name) {
        return Arrays.stream(Method.values())
                .filter(known ->
                        known.name().toLowerCase(Locale.ROOT).replace('_', '-').equals(name))
                .findFirst()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        "--method is " + name + ", but must be lora, dreambooth, textual-inversion or full"));
    }

    /** Puts the samples side by side, and before the person's eyes where there is a desktop. */
    private static void show(Standalone standalone, DemoSheet sheet, Path file, PrintWriter out) throws IOException {
        Files.write(file, sheet.toPng(standalone.store()::get));
        out.printf("Before and after, side by side: %s%n", file.toAbsolutePath());
        out.flush();
        if (!GraphicsEnvironment.isHeadless()
                && Desktop.isDesktopSupported()
                && Desktop.getDesktop().isSupported(Desktop.Action.OPEN)) {
            Desktop.getDesktop().open(file.toFile());
        }
    }

    /** Sends the pictures and waits for the model; its name. */
    private static String play(Standalone standalone, DemoLesson lesson, DemoSheet sheet, PrintWriter out)
            throws IOException, InterruptedException {
        var ready = new CompletableFuture<String>();
        boolean terminal = Ansi.AUTO.enabled();
        try (Narrator narrator = new Narrator(out, terminal, standalone::place);
                EventTail tail = follow(standalone.kafka(), narrator, sheet, ready)) {
            tail.start();
            Kafka kafka = standalone.kafka();
            send(kafka, "configure", new DatasetConfigured(DATASET, lesson.spec()));
            int number = 0;
            for (ImageUploaded upload : lesson.uploads()) {
                number++;
                send(kafka, "picture-" + number, upload);
            }
            send(kafka, "seal", new DatasetSealed(DATASET));
            return await(ready, standalone, tail);
        }
    }

    private static EventTail follow(Kafka kafka, Narrator narrator, DemoSheet sheet, CompletableFuture<String> ready) {
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
                .on(Topics.VALIDATION_EVENTS, event -> {
                    narrator.tell(event.data());
                    if (event.data() instanceof SamplesGenerated generated) {
                        sheet.add(generated);
                    }
                })
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
}
