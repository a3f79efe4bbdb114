package io.aquatint.runtime.lifecycle;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.net.URI;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;

/** Serves every service's routes, {@code /health/live}, {@code /health/ready} and {@code /metrics} (Prometheus). */
public final class HttpServer implements AutoCloseable {
    private static final long SECONDS = 10;

    private final io.vertx.core.http.HttpServer server;

    /**
     * Starts serving.
     *
     * @param port 0 takes a free one
     */
    public HttpServer(
            Vertx vertx, String host, int port, PrometheusMeterRegistry metrics, List<? extends Service> services) {
        Router router = Router.router(vertx);
        router.get("/health/live").handler(context -> health(context, services, Health::live));
        router.get("/health/ready").handler(context -> health(context, services, Health::ready));
        router.get("/metrics").handler(context -> context.response()
                .putHeader("content-type", "text/plain; version=0.0.4; charset=utf-8")
                .end(metrics.scrape()));
        services.forEach(service -> service.routes(router));
        var listening = vertx.createHttpServer(
                        new HttpServerOptions().setHost(host).setPort(port))
                .requestHandler(router)
                .listen();
        this.server = await(listening, "listen on %s:%d".formatted(host, port));
        this.host = host;
    }

    private final String host;

    /** Where the server listens, for example {@code http://localhost:8080}. */
    public URI address() {
        return URI.create("http://%s:%d".formatted(host, server.actualPort()));
    }

    @Override
    public void close() {
        await(server.close(), "close the HTTP server");
    }

    private static void health(RoutingContext context, List<? extends Service> services, Predicate<Health> test) {
        var body = new JsonObject();
        boolean good = true;
        for (Service service : services) {
            Health health = service.health();
            good &= test.test(health);
            body.put(service.name(), health.detail());
        }
        context.response()
                .setStatusCode(good ? 200 : 503)
                .putHeader("content-type", "application/json")
                .end(body.encode());
    }

    static <T> T await(io.vertx.core.Future<T> future, String what) {
        try {
            return future.toCompletionStage().toCompletableFuture().get(SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted: cannot " + what, e);
        } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException("cannot " + what + ": " + e.getMessage(), e);
        }
    }
}
