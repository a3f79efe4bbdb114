package io.aquatint.ingest.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.events.RejectionReason;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Does to a local folder what ingest does to uploads: writes the accepted pictures as PNG files, {@code metadata.jsonl} in the
 * convention of Hugging Face's image folders ({@code file_name}, {@code text}; and {@code source}, the original's name), and
 * {@code report.json} with what was refused and why. The caption of {@code a.jpg} is in {@code a.txt} beside it, or in the input
 * folder's own {@code metadata.jsonl}. Several pictures are worked on at once; results are in the order of the names.
 */
public final class PrepareFolder {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String METADATA = "metadata.jsonl";

    private final TargetSize size;
    private final Limits limits;
    private final PrintStream console;

    /** How many files became pictures, were the same as another, were refused. */
    public record Report(int accepted, int duplicates, int refused) {}

    public PrepareFolder(TargetSize size, Limits limits, PrintStream console) {
        this.size = size;
        this.limits = limits;
        this.console = console;
    }

    /**
     * @param in a folder of pictures
     * @param out is made when missing
     * @throws UncheckedIOException if a folder cannot be read or written
     */
    public Report prepare(Path in, Path out) {
        try {
            return run(in, out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Report run(Path in, Path out) throws IOException {
        Files.createDirectories(out);
        Map<String, String> captions = captions(in);
        StringBuilder metadata = new StringBuilder();
        ArrayNode refusals = JSON.createArrayNode();
        Set<String> seen = new HashSet<>();
        Set<String> names = new HashSet<>();
        int duplicates = 0;
        List<Path> files = files(in);
        ExecutorService workers = Executors.newFixedThreadPool(limits.picturesAtOnce());
        try {
            Iterator<Path> next = files.iterator();
            Queue<Future<Prepared>> ahead = new ArrayDeque<>();
            for (Path file : files) {
                while (next.hasNext() && ahead.size() < 2 * limits.picturesAtOnce()) {
                    Path later = next.next();
                    ahead.add(workers.submit(() -> ImagePreparer.prepare(read(later), size, limits)));
                }
                String source = file.getFileName().toString();
                try {
                    Prepared prepared = result(ahead.remove());
                    if (!seen.add(prepared.sha256())) {
                        duplicates++;
                        console.printf("same      %s: a picture that is there already%n", source);
                        continue;
                    }
                    String name = freeName(source, names);
                    Files.write(out.resolve(name), prepared.png());
                    ObjectNode line = JSON.createObjectNode();
                    line.put("file_name", name);
                    line.put("text", caption(file, captions));
                    line.put("source", source);
                    metadata.append(line).append('\n');
                } catch (RejectedImageException e) {
                    ObjectNode refusal = refusals.addObject();
                    refusal.put("source", source);
                    refusal.put("reason", e.reason().name());
                    refusal.put("detail", e.getMessage());
                    refusal.put("advice", e.reason().advice());
                    console.printf(
                            "refused   %s: %s, %s. %s%n",
                            source, e.reason(), e.getMessage(), e.reason().advice());
                }
            }
        } finally {
            workers.shutdownNow();
        }
        Files.writeString(out.resolve(METADATA), metadata);
        ObjectNode report = JSON.createObjectNode();
        report.put("accepted", seen.size());
        report.put("duplicates", duplicates);
        report.set("refused", refusals);
        Files.writeString(
                out.resolve("report.json"),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsString(report) + "\n");
        return new Report(seen.size(), duplicates, refusals.size());
    }

    private static Prepared result(Future<Prepared> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while pictures were prepared");
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RejectedImageException rejected) {
                throw rejected;
            } else if (e.getCause() instanceof IOException io) {
                throw io;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private byte[] read(Path file) throws IOException {
        long bytes = Files.size(file);
        if (bytes > limits.bytes()) {
            throw new RejectedImageException(
                    RejectionReason.TOO_MANY_BYTES, "%d bytes; %d are allowed".formatted(bytes, limits.bytes()));
        }
        return Files.readAllBytes(file);
    }

    private static List<Path> files(Path in) throws IOException {
        try (Stream<Path> files = Files.list(in)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.getFileName().toString().endsWith(".txt"))
                    .filter(file -> !file.getFileName().toString().endsWith(".jsonl"))
                    .filter(file -> !file.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList();
        }
    }

    private static String freeName(String source, Set<String> taken) {
        String stem = stem(source);
        String name = stem + ".png";
        for (int i = 2; !taken.add(name); i++) {
            name = stem + "-" + i + ".png";
        }
        return name;
    }

    private static String stem(String name) {
        int point = name.lastIndexOf('.');
        return point > 0 ? name.substring(0, point) : name;
    }

    private static String caption(Path file, Map<String, String> captions) throws IOException {
        String name = file.getFileName().toString();
        Path sidecar = file.resolveSibling(stem(name) + ".txt");
        return Files.isRegularFile(sidecar) ? text(sidecar).strip() : captions.getOrDefault(name, "");
    }

    private static String text(Path file) throws IOException {
        try {
            return Files.readString(file);
        } catch (CharacterCodingException e) {
            throw new IOException(file + " is no text in UTF-8", e);
        }
    }

    private static Map<String, String> captions(Path in) throws IOException {
        Map<String, String> captions = new HashMap<>();
        Path file = in.resolve(METADATA);
        if (!Files.isRegularFile(file)) {
            return captions;
        }
        int number = 0;
        for (String line : text(file).lines().toList()) {
            number++;
            if (line.isBlank()) {
                continue;
            }
            try {
                JsonNode node = JSON.readTree(line);
                captions.put(node.path("file_name").asText(), node.path("text").asText());
            } catch (JsonProcessingException e) {
                throw new IOException("%s, line %d is not JSON: %s".formatted(file, number, e.getOriginalMessage()), e);
            }
        }
        return captions;
    }
}
