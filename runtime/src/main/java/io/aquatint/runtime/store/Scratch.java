package io.aquatint.runtime.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder for the files of one job, gone with it. A process that is killed leaves its folders behind: the next one that starts
 * removes them, or the next job on the machine. Who lives holds a lock on a file beside the folder, which the operating system lets go of when the process ends.
 */
public final class Scratch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Scratch.class);
    private static final String PREFIX = "job-";
    private static final String LOCK = ".lock";

    /** So old is no folder of a job that lives, and is none without a lock of one that is being made. */
    private static final Duration OLD = Duration.ofDays(1);

    private final Path folder;
    private final Path lock;
    private final FileChannel alive;

    /** @param work the folder in which it is made */
    public Scratch(Path work) {
        try {
            Path all = Files.createDirectories(work.resolve("scratch"));
            sweep(all);
            String name = PREFIX + UUID.randomUUID();
            this.lock = all.resolve(name + LOCK);
            this.alive = FileChannel.open(lock, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            alive.lock();
            this.folder =
                    Files.createDirectory(all.resolve(name)); // after the lock: no folder is ever without an owner
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make a folder for scratch files in %s: %s".formatted(work, e), e);
        }
    }

    /**
     * Removes what processes left behind that were killed.
     *
     * @param work the folder in which they made theirs
     */
    public static void sweepLeft(Path work) {
        Path all = work.resolve("scratch");
        try {
            if (Files.isDirectory(all)) {
                sweep(all);
            }
        } catch (IOException e) {
            LOG.info("what ended processes left in {} cannot be removed yet", all, e);
        }
    }

    private static void sweep(Path all) throws IOException {
        List<Path> folders;
        try (Stream<Path> paths = Files.list(all)) {
            folders = paths.filter(path -> path.getFileName().toString().startsWith(PREFIX))
                    .filter(Files::isDirectory)
                    .toList();
        }
        for (Path left : folders) {
            try {
                sweepIfDead(left);
            } catch (IOException e) {
                LOG.info("the scratch folder {} of a process that ended cannot be removed yet", left, e);
            }
        }
    }

    private static void sweepIfDead(Path left) throws IOException {
        Path lock = left.resolveSibling(left.getFileName() + LOCK);
        if (!Files.exists(lock)) {
            if (Files.getLastModifiedTime(left)
                    .toInstant()
                    .isBefore(Instant.now().minus(OLD))) {
                delete(left);
            }
            return;
        }
        try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.WRITE)) {
            if (channel.tryLock() != null) {
                LOG.info("removing {}, which a process left behind that ended", left);
                delete(left);
                Files.deleteIfExists(lock);
            }
        } catch (OverlappingFileLockException e) {
            return; // of another job of this process
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
        try (alive) {
            delete(folder);
            Files.deleteIfExists(lock);
        } catch (IOException e) {
            LOG.warn("the scratch folder {} is left behind", folder, e); // no reason for a job to fail
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
