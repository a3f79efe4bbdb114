package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.S3ObjectStore;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is expected of every object store, through the S3 client. */
abstract class ObjectStoreContract {
    private S3ObjectStore store;

    /** Where the store is. */
    abstract ObjectStoreConfig config();

    @BeforeEach
    void open() {
        store = new S3ObjectStore(config());
        store.ensureBucket();
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void whatIsPutComesBackByteForByte(@TempDir Path folder) throws Exception {
        byte[] bytes = random(300_000);
        store.put("bytes/one", bytes, "image/png");
        assertThat(store.get("bytes/one")).isEqualTo(bytes);
        assertThat(store.stat("bytes/one")).hasValueSatisfying(info -> {
            assertThat(info.bytes()).isEqualTo(bytes.length);
            assertThat(info.contentType()).isEqualTo("image/png");
        });
        Path file = folder.resolve("deeper/file");
        store.download("bytes/one", file);
        assertThat(file).hasBinaryContent(bytes);
        store.put("bytes/file", file, "application/octet-stream");
        assertThat(store.get("bytes/file")).isEqualTo(bytes);
    }

    @Test
    void aStreamOfUnknownLengthIsStoredInParts() {
        byte[] bytes = random(40 << 20);
        store.put("streams/large", new ByteArrayInputStream(bytes), -1, "application/octet-stream");
        assertThat(store.stat("streams/large"))
                .hasValueSatisfying(info -> assertThat(info.bytes()).isEqualTo(bytes.length));
        assertThat(store.get("streams/large")).isEqualTo(bytes);
    }

    @Test
    void ofManyWhoClaimAKeyExactlyOneGetsIt() throws Exception {
        var threads = Executors.newFixedThreadPool(8);
        try {
            for (int round = 0; round < 10; round++) {
                String key = "claims/" + round;
                List<Callable<Boolean>> claims = IntStream.range(0, 8)
                        .<Callable<Boolean>>mapToObj(i -> () -> store.putIfAbsent(
                                key, String.valueOf(i).getBytes(StandardCharsets.UTF_8), "text/plain"))
                        .toList();
                int won = 0;
                for (Future<Boolean> claim : threads.invokeAll(claims)) {
                    won += claim.get() ? 1 : 0;
                }
                assertThat(won).isEqualTo(1);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aMissingObjectIsNamed() {
        assertThat(store.stat("nothing/here")).isEmpty();
        assertThatThrownBy(() -> store.get("nothing/here"))
                .isInstanceOf(ObjectMissingException.class)
                .hasMessageContaining("nothing/here");
        store.delete("nothing/here");
    }

    @Test
    void keysAreListedSortedAndWithoutThoseOfOthers() {
        for (String key : List.of("list/b", "list/a", "list/c/d", "listed")) {
            store.put(key, new byte[1], "text/plain");
        }
        assertThat(store.list("list/")).containsExactly("list/a", "list/b", "list/c/d");
        store.delete("list/a");
        assertThat(store.list("list/")).containsExactly("list/b", "list/c/d");
    }

    @Test
    void anUploadAppPutsAndGetsByAPresignedAddress() throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        byte[] bytes = random(1000);
        URI put = store.presignPut("presigned/one", Duration.ofMinutes(5));
        var stored = client.send(
                HttpRequest.newBuilder(put)
                        .PUT(HttpRequest.BodyPublishers.ofByteArray(bytes))
                        .build(),
                HttpResponse.BodyHandlers.discarding());
        assertThat(stored.statusCode()).isEqualTo(200);
        URI get = store.presignGet("presigned/one", Duration.ofMinutes(5));
        var read = client.send(HttpRequest.newBuilder(get).build(), HttpResponse.BodyHandlers.ofByteArray());
        assertThat(read.body()).isEqualTo(bytes);
    }

    @Test
    void anAddressIsSignedForWhereOthersReachTheStore() {
        ObjectStoreConfig inside = config();
        var outside = new ObjectStoreConfig(
                inside.endpoint(),
                URI.create("https://pictures.example.com"),
                inside.bucket(),
                inside.accessKey(),
                inside.secretKey(),
                inside.region());
        try (var client = new S3ObjectStore(outside)) {
            client.put("public/one", new byte[1], "image/png");
            assertThat(client.presignGet("public/one", Duration.ofMinutes(5)))
                    .hasScheme("https")
                    .hasHost("pictures.example.com")
                    .hasPath("/aquatint/public/one");
        }
    }

    @Test
    void ofManyServicesThatStartAtOnceEachFindsTheBucketThere() throws Exception {
        ObjectStoreConfig config = config();
        var threads = Executors.newFixedThreadPool(4);
        try {
            for (int round = 0; round < 2; round++) {
                var fresh = new ObjectStoreConfig(
                        config.endpoint(),
                        config.publicEndpoint(),
                        "fresh-" + round,
                        config.accessKey(),
                        config.secretKey(),
                        config.region());
                Callable<Void> starting = () -> {
                    try (var client = new S3ObjectStore(fresh)) {
                        client.ensureBucket();
                    }
                    return null;
                };
                for (Future<Void> started : threads.invokeAll(List.of(starting, starting, starting, starting))) {
                    started.get();
                }
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aWrongKeyIsRefusedWithWhatTheStoreSays() {
        ObjectStoreConfig right = config();
        var wrong = new ObjectStoreConfig(
                right.endpoint(), right.publicEndpoint(), right.bucket(), right.accessKey(), "wrong", right.region());
        try (var stranger = new S3ObjectStore(wrong)) {
            assertThatThrownBy(() -> stranger.get("bytes/one"))
                    .isInstanceOf(ObjectStoreException.class)
                    .hasMessageContaining("bytes/one");
        }
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }
}
