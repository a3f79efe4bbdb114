package io.aquatint.runtime.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Large objects on this machine, each fetched once. They lie by the hash of their content: what was given out once stays as it is
 * when the object changes, and the same content under two versions of an object is there once. Whether an object changed is seen
 * from its size and ETag. Several processes may share one folder; one fetches while the others wait. Nothing is ever removed:
 * the folder may be emptied while no process runs.
 *
 * <pre>
 *   files/SHA-256/NAME      what an object holds
 *   folders/SHA-256/...     links to files, as the keys below a prefix name them
 *   index/, locks/, parts/  which object was which file, who fetches, and what is not whole yet
 * </pre>
 */
public final class ObjectCache {
    private static final Logger LOG = LoggerFactory.getLogger(ObjectCache.class);
    private static final int BUFFER_BYTES = 1 << 20;
    private static final Map<Path, Lock> LOCKS = new ConcurrentHashMap<>();

    private final ObjectStore store;
    private final Path folder;
    private final Progress progress;

    /** A file and the hash that it lies by. */
    private record Kept(Path file, String hash) {}

    /** Hears how far an object has come. */
    public interface Progress {
        /**
         * Called at the beginning, after about each hundredth part of at least a MiB, and at the end.
         *
         * @param bytes so many are here
         * @param size of so many in all
         */
        void at(String key, long bytes, long size);
    }

    /** @param folder made when it is missing */
    public ObjectCache(ObjectStore store, Path folder, Progress progress) {
        this.store = store;
        this.folder = folder.toAbsolutePath();
        this.progress = progress;
    }

    /**
     * The cache of base models in a service's work folder, which writes to the log how far it is.
     *
     * @param work as other services on this machine have it
     */
    public static ObjectCache ofModels(ObjectStore store, Path work) {
        return new ObjectCache(store, work.resolve("models"), new LogLines());
    }

    /** A line at the beginning, at each tenth, and at the end. */
    private static final class LogLines implements Progress {
        private long tenths;

        @Override
        public synchronized void at(String key, long bytes, long size) {
            if (bytes == 0) {
                LOG.info("'{}' is fetched from the object store: {} MB", key, size / 1_000_000);
                tenths = 0;
            } else if (bytes < size && bytes * 10 / size > tenths) {
                tenths = bytes * 10 / size;
                LOG.info("'{}': {} of {} MB", key, bytes / 1_000_000, size / 1_000_000);
            }
            if (bytes == size) {
                LOG.info("'{}' is here", key);
            }
        }
    }

    /**
     * An object as a file, or all objects below {@code KEY/} as a folder.
     *
     * @param needed of the names below the key, relative to it, those that are wanted
     * @return empty where the store has neither
     * @throws ObjectStoreException where the store fails, which is worth another try
     */
    public Optional<Path> fetch(String key, UnaryOperator<List<String>> needed) {
        String trimmed = key.endsWith("/") ? key.substring(0, key.length() - 1) : key;
        if (trimmed.isBlank()) {
            return Optional.empty();
        }
        Optional<Path> file = key.endsWith("/") ? Optional.empty() : file(trimmed);
        return file.isPresent() ? file : below(trimmed + "/", needed);
    }

    /** An object as a file; empty where there is none. */
    public Optional<Path> file(String key) {
        return kept(key).map(Kept::file);
    }

    private Optional<Kept> kept(String key) {
        return store.stat(key).map(info -> {
            String hash = hash(info);
            return new Kept(place(info, hash), hash);
        });
    }

    private Optional<Path> below(String prefix, UnaryOperator<List<String>> needed) {
        List<String> names = store.list(prefix).stream()
                .map(key -> key.substring(prefix.length()))
                .filter(name -> !name.isEmpty() && !name.endsWith("/"))
                .toList();
        if (names.isEmpty()) {
            return Optional.empty();
        }
        Map<String, Kept> files = new TreeMap<>();
        for (String name : needed.apply(names)) {
            for (String part : name.split("/", -1)) {
                fileName(prefix + name, part);
            }
            files.put(name, kept(prefix + name).orElseThrow(() -> new ObjectMissingException(prefix + name)));
        }
        try {
            return Optional.of(linked(files));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make a folder of '%s' in %s: %s".formatted(prefix, folder, e), e);
        }
    }

    /** Keys may be anything; what is to be a file's name may lead nowhere else. */
    private static String fileName(String key, String part) {
        if (part.isEmpty() || part.equals(".") || part.equals("..") || part.contains("\\") || part.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    "the object '%s' cannot be a file: '%s' is no file name".formatted(key, part));
        }
        return part;
    }

    /** The hash of an object's content, which afterwards lies in the folder. */
    private String hash(ObjectInfo info) {
        String id = Sha256.of(info.key().getBytes(StandardCharsets.UTF_8));
        Path lockFile = folder.resolve("locks").resolve(id);
        Lock lock = LOCKS.computeIfAbsent(lockFile, path -> new ReentrantLock());
        lock.lock(); // the file's lock is for other processes; it throws where this one holds it
        try {
            Files.createDirectories(folder.resolve("locks"));
            try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock held = channel.lock()) {
                assert held.isValid();
                Optional<String> known = known(info, id);
                return known.isPresent() ? known.get() : fetched(info, id);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot keep '%s' in %s: %s".formatted(info.key(), folder, e.getMessage()), e);
        } finally {
            lock.unlock();
        }
    }

    private Optional<String> known(ObjectInfo info, String id) throws IOException {
        Path index = folder.resolve("index").resolve(id);
        if (!Files.isRegularFile(index)) {
            return Optional.empty();
        }
        List<String> lines = Files.readAllLines(index);
        if (lines.size() < 3 || !lines.subList(0, 2).equals(version(info))) {
            return Optional.empty();
        }
        Path file = place(info, lines.get(2));
        boolean whole = Files.isRegularFile(file) && Files.size(file) == info.bytes();
        return whole ? Optional.of(lines.get(2)) : Optional.empty();
    }

    private static List<String> version(ObjectInfo info) {
        return List.of(info.etag(), Long.toString(info.bytes()));
    }

    private Path place(ObjectInfo info, String hash) {
        String name = info.key().substring(info.key().lastIndexOf('/') + 1);
        return folder.resolve("files").resolve(hash).resolve(fileName(info.key(), name));
    }

    private String fetched(ObjectInfo info, String id) throws IOException {
        Path part = folder.resolve("parts").resolve(id); // of whoever holds the lock; one that was left is written over
        Files.createDirectories(part.getParent());
        try {
            String hash = download(info, part);
            Path file = place(info, hash);
            Files.createDirectories(file.getParent());
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            List<String> lines = new ArrayList<>(version(info));
            lines.add(hash);
            Files.createDirectories(folder.resolve("index"));
            Files.write(part, lines);
            Files.move(
                    part,
                    folder.resolve("index").resolve(id),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            return hash;
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private String download(ObjectInfo info, Path part) throws IOException {
        MessageDigest digest = Sha256.digest();
        long size = info.bytes();
        long step = Math.max(BUFFER_BYTES, size / 100);
        long bytes = 0;
        long told = 0;
        progress.at(info.key(), 0, size);
        byte[] buffer = new byte[BUFFER_BYTES];
        try (OutputStream out = Files.newOutputStream(part);
                InputStream in = store.open(info.key())) {
            for (int count = read(in, buffer, info); count >= 0; count = read(in, buffer, info)) {
                out.write(buffer, 0, count);
                digest.update(buffer, 0, count);
                bytes += count;
                if (bytes - told >= step && bytes < size) {
                    told = bytes;
                    progress.at(info.key(), bytes, size);
                }
            }
        }
        if (bytes != size) {
            throw new ObjectStoreException(
                    "'%s' has %d bytes, but %d came; it may have been replaced meanwhile"
                            .formatted(info.key(), size, bytes),
                    null);
        }
        progress.at(info.key(), bytes, size);
        return HexFormat.of().formatHex(digest.digest());
    }

    /** A connection that breaks is the store's failure; a disk that is full is not. */
    private static int read(InputStream in, byte[] buffer, ObjectInfo info) {
        try {
            return in.read(buffer);
        } catch (IOException e) {
            throw new ObjectStoreException("cannot read '%s' to its end".formatted(info.key()), e);
        }
    }

    private Path linked(Map<String, Kept> files) throws IOException {
        StringBuilder content = new StringBuilder();
        files.forEach((name, file) ->
                content.append(name).append('\n').append(file.hash()).append('\n'));
        Path whole =
                folder.resolve("folders").resolve(Sha256.of(content.toString().getBytes(StandardCharsets.UTF_8)));
        if (isWhole(whole, files)) {
            return whole;
        }
        Files.createDirectories(whole.getParent());
        Path fresh = Files.createTempDirectory(whole.getParent(), ".making-");
        try {
            for (Map.Entry<String, Kept> file : files.entrySet()) {
                Path target = fresh.resolve(file.getKey());
                Files.createDirectories(target.getParent());
                link(target, file.getValue().file());
            }
            delete(whole); // one that lost files
            Files.move(fresh, whole, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            if (!isWhole(whole, files)) { // another process may have been first
                throw e;
            }
        } finally {
            delete(fresh);
        }
        return whole;
    }

    private static void link(Path target, Path file) throws IOException {
        try {
            Files.createLink(target, file);
        } catch (UnsupportedOperationException | FileSystemException e) {
            LOG.debug("{} takes no hard links: the file is copied", target, e);
            Files.copy(file, target);
        }
    }

    private static boolean isWhole(Path folder, Map<String, Kept> files) throws IOException {
        for (Map.Entry<String, Kept> file : files.entrySet()) {
            Path linked = folder.resolve(file.getKey());
            if (!Files.isRegularFile(linked)
                    || Files.size(linked) != Files.size(file.getValue().file())) {
                return false;
            }
        }
        return true;
    }

    private static void delete(Path folder) throws IOException {
        if (Files.isDirectory(folder)) {
            try (Stream<Path> paths = Files.walk(folder)) {
                for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(path);
                }
            }
        }
    }
}
