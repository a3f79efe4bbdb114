package io.aquatint.runtime.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A folder for the files of one job, gone with it. */
public final class Scratch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);

    private final Path folder;

    /** @param work the folder in which it is made */
    public Scratch(Path work) {
        try {
            this.folder = Files.createTempDirectory(Files.createDirectories(work.resolve("scratch")), "job-");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make a folder for scratch files in %s: %s".formatted(work, e), e);
        }
    }

    public Path folder() {
        return folder;
    }

    public Path file(String name) {
        return folder.resolve(name);
    }

    @Override
    public void close() {
        try (Stream<Path> paths = Files.walk(folder)) {
            List<Path> all = paths.sorted(Comparator.reverseOrder()).toList();
            for (Path path : all) {
                Files.delete(path);
            }
        } catch (IOException e) {
            LOG.warn("the scratch folder {} is left behind", folder, e); // no reason for a job to fail
        }
    }
}
