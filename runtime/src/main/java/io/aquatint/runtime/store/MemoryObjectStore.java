package io.aquatint.runtime.store;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;

/** An object store in memory, for tests and dry runs. */
public final class MemoryObjectStore implements ObjectStore {
    private final ConcurrentSkipListMap<String, Stored> objects = new ConcurrentSkipListMap<>();

    @SuppressWarnings("ArrayRecordComponent")
    private record Stored(byte[] bytes, String contentType, Instant modified) {}

    @Override
    public void put(String key, byte[] bytes, String contentType) {
        objects.put(key, stored(bytes, contentType));
    }

    @Override
    public void put(String key, InputStream in, long size, String contentType) {
        try {
            put(key, in.readAllBytes(), contentType);
        } catch (IOException e) {
            throw new ObjectStoreException("cannot read what is to become '%s'".formatted(key), e);
        }
    }

    @Override
    public void put(String key, Path file, String contentType) {
        try {
            put(key, Files.readAllBytes(file), contentType);
        } catch (IOException e) {
            throw new ObjectStoreException("cannot read %s".formatted(file), e);
        }
    }

    @Override
    public boolean putIfAbsent(String key, byte[] bytes, String contentType) {
        return objects.putIfAbsent(key, stored(bytes, contentType)) == null;
    }

    @Override
    public byte[] get(String key) {
        return find(key).bytes().clone();
    }

    @Override
    public InputStream open(String key) {
        return new ByteArrayInputStream(get(key));
    }

    @Override
    public void download(String key, Path to) {
        try (InputStream in = open(key)) {
            WholeFile.write(in, to);
        } catch (IOException e) {
            throw new ObjectStoreException("cannot write '%s' to %s".formatted(key, to), e);
        }
    }

    @Override
    public Optional<ObjectInfo> stat(String key) {
        return Optional.ofNullable(objects.get(key))
                .map(stored -> new ObjectInfo(
                        key,
                        stored.bytes().length,
                        stored.contentType(),
                        stored.modified(),
                        Sha256.of(stored.bytes())));
    }

    @Override
    public List<String> list(String prefix) {
        return objects.tailMap(prefix, true).keySet().stream()
                .takeWhile(key -> key.startsWith(prefix))
                .toList();
    }

    @Override
    public void delete(String key) {
        objects.remove(key);
    }

    @Override
    public URI presignGet(String key, Duration validity) {
        return URI.create("memory:/" + key);
    }

    @Override
    public URI presignPut(String key, Duration validity) {
        return URI.create("memory:/" + key);
    }

    @Override
    public void close() {}

    private Stored find(String key) {
        Stored stored = objects.get(key);
        if (stored == null) {
            throw new ObjectMissingException(key);
        }
        return stored;
    }

    private static Stored stored(byte[] bytes, String contentType) {
        return new Stored(bytes.clone(), contentType, Instant.now());
    }
}
