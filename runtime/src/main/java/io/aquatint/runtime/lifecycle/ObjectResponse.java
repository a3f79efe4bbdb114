package io.aquatint.runtime.lifecycle;

import io.aquatint.runtime.store.ObjectInfo;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.RoutingContext;
import java.io.InputStream;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers a request with an object of the store. It is read off the event loop, a piece at a time, and the next piece only when the
 * client took the last: neither a large object nor a slow client holds memory or threads.
 */
public final class ObjectResponse {
    private static final Logger LOG = LoggerFactory.getLogger(ObjectResponse.class);
    private static final int PIECE_BYTES = 64 << 10;

    private final Vertx vertx;
    private final HttpServerResponse response;
    private final InputStream in;

    private record Opened(ObjectInfo info, InputStream in) {}

    private ObjectResponse(Vertx vertx, HttpServerResponse response, InputStream in) {
        this.vertx = vertx;
        this.response = response;
        this.in = in;
    }

    /**
     * Sends an object with its content type and length, and whatever headers the response has already.
     *
     * @param missing what to answer when there is no such object
     */
    public static void send(RoutingContext context, ObjectStore store, String key, JsonError missing) {
        Vertx vertx = context.vertx();
        vertx.executeBlocking(() -> open(store, key), false).onComplete(opening -> {
            if (opening.failed()) {
                LOG.warn("cannot serve '{}'", key, opening.cause());
                JsonError.storeUnavailable().send(context);
            } else if (opening.result().isEmpty()) {
                missing.send(context);
            } else {
                Opened opened = opening.result().get();
                HttpServerResponse response = context.response()
                        .putHeader("content-type", opened.info().contentType())
                        .putHeader("content-length", Long.toString(opened.info().bytes()));
                new ObjectResponse(vertx, response, opened.in()).sendNext();
            }
        });
    }

    private static Optional<Opened> open(ObjectStore store, String key) {
        try {
            Optional<ObjectInfo> info = store.stat(key);
            return info.map(found -> new Opened(found, store.open(key)));
        } catch (ObjectMissingException e) {
            return Optional.empty(); // deleted in between
        }
    }

    private void sendNext() {
        vertx.executeBlocking(() -> in.readNBytes(PIECE_BYTES), false).onComplete(reading -> {
            if (reading.failed()) {
                // The length was promised: a broken connection tells the client that this is not all.
                LOG.warn("an object could not be read to its end", reading.cause());
                response.reset();
                close();
            } else if (reading.result().length == 0) {
                response.end();
                close();
            } else {
                response.write(Buffer.buffer(reading.result())).onComplete(writing -> {
                    if (writing.succeeded()) {
                        sendNext();
                    } else {
                        close(); // the client is gone
                    }
                });
            }
        });
    }

    private void close() {
        vertx.executeBlocking(
                        () -> {
                            in.close();
                            return true;
                        },
                        false)
                .onFailure(e -> LOG.debug("an object's stream did not close", e));
    }
}
