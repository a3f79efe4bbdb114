package io.aquatint.runtime.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectInfo;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Proxy;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ObjectResponseTest {
    private static final long HUGE = 4L << 30;

    private final CountDownLatch closed = new CountDownLatch(1);
    private final AtomicLong readBytes = new AtomicLong();
    private Vertx vertx;
    private HttpServer server;
    private ObjectStore store = new MemoryObjectStore();

    @BeforeEach
    void serve() throws Exception {
        vertx = Vertx.vertx();
        Router router = Router.router(vertx);
        JsonError missing = new JsonError(404, "object_missing", "It is not there.", "Put it there.");
        router.get("/:key").handler(context -> ObjectResponse.send(context, store, context.pathParam("key"), missing));
        server = vertx.createHttpServer()
                .requestHandler(router)
                .listen(0, "localhost")
                .toCompletionStage()
                .toCompletableFuture()
                .get(10, TimeUnit.SECONDS);
    }

    @AfterEach
    void stop() throws Exception {
        vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    @Test
    void anObjectOfSeveralPiecesComesWhole() throws Exception {
        byte[] bytes = new byte[1_000_003];
        Arrays.fill(bytes, (byte) 7);
        bytes[bytes.length - 1] = 8;
        store.put("whole", bytes, "image/png");
        HttpResponse<byte[]> response = get("whole");
        assertThat(response.body()).isEqualTo(bytes);
        assertThat(response.headers().firstValue("content-type")).contains("image/png");
        assertThat(response.headers().firstValueAsLong("content-length")).hasValue(bytes.length);
    }

    @Test
    void anEmptyObjectIsAnEmptyAnswer() throws Exception {
        store.put("empty", new byte[0], "text/plain");
        assertThat(get("empty").statusCode()).isEqualTo(200);
        assertThat(get("empty").body()).isEmpty();
    }

    @Test
    void aMissingObjectIsAnsweredAsTheCallerSaid() throws Exception {
        HttpResponse<byte[]> response = get("nothing");
        assertThat(response.statusCode()).isEqualTo(404);
        assertThat(new String(response.body(), StandardCharsets.UTF_8)).contains("object_missing", "Put it there.");
    }

    @Test
    void aStoreThatDoesNotAnswerIsNoMissingObject() throws Exception {
        store = storeOf(() -> {
            throw new ObjectStoreException("away", new IOException("planted"));
        });
        assertThat(get("any").statusCode()).isEqualTo(503);
    }

    @Test
    void anObjectThatIsGoneBetweenTheLookAndTheReadIsMissing() throws Exception {
        store = storeOf(() -> {
            throw new ObjectMissingException("any");
        });
        assertThat(get("any").statusCode()).isEqualTo(404);
    }

    @Test
    void aStreamThatBreaksIsNotTakenForAllOfTheObject() throws Exception {
        store = storeOf(() -> counted(100_000, true));
        assertThatThrownBy(() -> get("any")).isInstanceOf(IOException.class);
        assertThat(closed.await(30, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aClientThatReadsNothingAndGoesHoldsNoMoreThanPieces() throws Exception {
        store = storeOf(() -> counted(HUGE, false));
        try (Socket client = new Socket("localhost", server.actualPort())) {
            client.getOutputStream()
                    .write("GET /any HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(client.getInputStream().readNBytes(100_000)).hasSize(100_000);
        }
        assertThat(closed.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(readBytes.get()).isLessThan(64L << 20);
    }

    private HttpResponse<byte[]> get(String key) throws IOException, InterruptedException {
        URI uri = URI.create("http://localhost:%d/%s".formatted(server.actualPort(), key));
        HttpRequest request =
                HttpRequest.newBuilder(uri).timeout(Duration.ofSeconds(30)).build();
        return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray());
    }

    private interface Opening {
        InputStream open();
    }

    /** A store with one huge object of every name. */
    private static ObjectStore storeOf(Opening opening) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    return switch (method.getName()) {
                        case "stat" -> Optional.of(new ObjectInfo("any", HUGE, "text/plain", Instant.EPOCH, "tag"));
                        case "open" -> opening.open();
                        default -> throw new UnsupportedOperationException(method.getName());
                    };
                });
    }

    /** Zeros. */
    private InputStream counted(long size, boolean breaks) {
        return new InputStream() {
            private long left = size;

            @Override
            public int read() {
                throw new UnsupportedOperationException();
            }

            @Override
            public int read(byte[] into, int offset, int length) throws IOException {
                if (left == 0 && breaks) {
                    throw new IOException("planted");
                }
                int count = (int) Math.min(left, length);
                left -= count;
                readBytes.addAndGet(count);
                return count == 0 ? -1 : count;
            }

            @Override
            public void close() {
                closed.countDown();
            }
        };
    }
}
