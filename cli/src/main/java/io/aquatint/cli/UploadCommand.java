package io.aquatint.cli;

import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageRole;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.Topics;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.config.ClientConfig;
import io.aquatint.runtime.config.ConfigLoader;
import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.store.S3ObjectStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "upload",
        description = "Send pictures to a data set, as an upload app would.",
        footer = {
            "",
            "Each picture is one event in the topic image.uploads: up to 1 MiB inside the event, above that in the",
            "object store. Whether a picture is accepted is told by image.verdicts: see 'aquatint watch'."
        },
        mixinStandardHelpOptions = true)
final class UploadCommand implements Callable<Integer> {
    private static final URI SOURCE = URI.create("/aquatint/upload");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Mixin
    private ConnectionOptions connection = new ConnectionOptions();

    @Option(names = "--dataset", paramLabel = "ID", required = true, description = "The data set.")
    private String dataset = "";

    @Option(
            names = "--caption",
            paramLabel = "TEXT",
            description = "What the pictures show; without it the text of a.txt is the caption of a.jpg.")
    private @Nullable String caption;

    @Option(
            names = "--class-images",
            description = "They show others of the class, which DreamBooth's methods learn beside the subject.")
    private boolean classImages;

    @Option(names = "--seal", description = "Close the batch afterwards: train on what is there.")
    private boolean seal;

    @Parameters(paramLabel = "FILES", arity = "0..*", description = "Pictures: JPEG, PNG, WebP, GIF or BMP.")
    private List<Path> files = new ArrayList<>();

    @Override
    public Integer call() throws IOException {
        if (files.isEmpty() && !seal) {
            throw new ParameterException(spec.commandLine(), "name the pictures to send, or --seal");
        }
        List<Path> missing =
                files.stream().filter(file -> !Files.isRegularFile(file)).toList();
        if (!missing.isEmpty()) {
            throw new ParameterException(spec.commandLine(), "no such file: " + missing + "; nothing was sent");
        }
        PrintWriter out = spec.commandLine().getOut();
        ClientConfig config =
                ConfigLoader.load(ClientConfig.class, connection.flags(), connection.file(), System.getenv());
        try (Kafka kafka = new Kafka(config.kafka())) {
            for (Path file : files) {
                send(kafka, picture(file, config.store()));
                out.println("sent " + file);
            }
            if (seal) {
                send(kafka, new DatasetSealed(dataset));
                out.println("sealed " + dataset);
            }
        }
        out.flush();
        return 0;
    }

    private ImageUploaded picture(Path file, ObjectStoreConfig storeConfig) throws IOException {
        String name = String.valueOf(file.getFileName());
        ImageRole role = classImages ? ImageRole.CLASS : null;
        if (Files.size(file) <= ImageUploaded.INLINE_BYTES) {
            return new ImageUploaded(
                    dataset, name, caption(file), null, Files.readAllBytes(file), null, null, null, role);
        }
        String key = "uploads/%s/%s".formatted(dataset, UUID.randomUUID());
        try (var store = new S3ObjectStore(storeConfig)) {
            store.put(key, file, "application/octet-stream");
        }
        return new ImageUploaded(dataset, name, caption(file), null, null, key, null, null, role);
    }

    private @Nullable String caption(Path file) throws IOException {
        if (caption != null) {
            return caption;
        }
        String name = String.valueOf(file.getFileName());
        Path beside = file.resolveSibling(name.replaceFirst("\\.[^.]*$", "") + ".txt");
        return Files.isRegularFile(beside) ? Files.readString(beside).strip() : null;
    }

    private static void send(Kafka kafka, UploadEvent event) {
        kafka.publisher()
                .publishNow(
                        Topics.IMAGE_UPLOADS,
                        Event.of(UUID.randomUUID().toString(), SOURCE, Instant.now(), event.dataset(), event));
    }
}
