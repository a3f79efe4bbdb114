package io.aquatint.runtime.store;

import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Objects in one bucket. A missing object throws {@link ObjectMissingException}; a store that cannot be reached or that
 * refuses throws {@link ObjectStoreException}, which is worth another try. Safe to use from several threads.
 */
public interface ObjectStore extends AutoCloseable {

    void put(String key, byte[] bytes, String contentType);

    /** @param size in bytes, or -1 when unknown */
    void put(String key, InputStream in, long size, String contentType);

    void put(String key, Path file, String contentType);

    /** Stores the object unless the key is taken ({@code If-None-Match: *}); of many at once exactly one gets true. */
    boolean putIfAbsent(String key, byte[] bytes, String contentType);

    byte[] get(String key);

    InputStream open(String key);

    /** Writes the object to a file, which appears whole or not at all. */
    void download(String key, Path to);

    Optional<ObjectInfo> stat(String key);

    /** The keys that begin with a prefix, sorted. */
    List<String> list(String prefix);

    /** Deletes an object; a missing one is no error. */
    void delete(String key);

    URI presignGet(String key, Duration validity);

    URI presignPut(String key, Duration validity);

    @Override
    void close();
}
