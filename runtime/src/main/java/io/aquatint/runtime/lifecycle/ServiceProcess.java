package io.aquatint.runtime.lifecycle;

import io.aquatint.events.Topics;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;
import io.aquatint.runtime.kafka.Kafka;
import io.aquatint.runtime.kafka.TopicAdmin;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.S3ObjectStore;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.micrometer.MicrometerMetricsFactory;
import io.vertx.micrometer.MicrometerMetricsOptions;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One process: its clients, its services and their HTTP server, closed in the reverse order of their start. */
public final class ServiceProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ServiceProcess.class);

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final Kafka kafka;
    private final ObjectStore store;
    private final List<Service> services;
    private final HttpServer http;
    private boolean closed;

    /** Makes the services of a process out of its clients. */
    @FunctionalInterface
    public interface Wiring {
        List<Service> services(Kafka kafka, ObjectStore store, MeterRegistry metrics);
    }

    /**
     * Creates what topics and bucket are missing, then starts the services in their order and the HTTP server.
     *
     * @throws RuntimeException when a part cannot start; what had started is closed again
     */
    public ServiceProcess(
            KafkaConfig kafkaConfig, ObjectStoreConfig storeConfig, HttpConfig httpConfig, Wiring wiring) {
        try {
            var metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            opened.push(metrics::close);
            bindJvm(metrics);
            kafka = new Kafka(kafkaConfig);
            opened.push(kafka);
            new TopicAdmin(kafka).ensure(Topics.all());
            var s3 = new S3ObjectStore(storeConfig);
            opened.push(s3);
            s3.ensureBucket();
            store = s3;
            Vertx vertx = Vertx.builder()
                    .with(new VertxOptions().setMetricsOptions(new MicrometerMetricsOptions().setEnabled(true)))
                    .withMetrics(new MicrometerMetricsFactory(metrics))
                    .build();
            opened.push(() -> HttpServer.await(vertx.close(), "close Vert.x"));
            services = List.copyOf(wiring.services(kafka, store, metrics));
            for (Service service : services) {
                opened.push(service);
                service.start();
            }
            http = new HttpServer(vertx, httpConfig.host(), httpConfig.port(), metrics, services);
            opened.push(http);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /**
     * Runs until the process is told to end (SIGTERM, Ctrl-C) or a service cannot go on.
     *
     * @throws IllegalStateException naming the service that stopped
     */
    public static void run(String name, KafkaConfig kafka, ObjectStoreConfig store, HttpConfig http, Wiring wiring) {
        try (var process = new ServiceProcess(kafka, store, http, wiring)) {
            LOG.info("{} is up: {}", name, process.address());
            process.awaitEnd(process);
        }
    }

    /** Where the HTTP server answers. */
    public URI address() {
        return http.address();
    }

    public Kafka kafka() {
        return kafka;
    }

    public ObjectStore store() {
        return store;
    }

    /** Why the process cannot go on: a sentence that names the service, empty while all is well. */
    public Optional<String> failure() {
        return services.stream()
                .filter(service -> !service.health().live())
                .map(service -> "the service '%s' stopped: %s"
                        .formatted(service.name(), service.health().detail()))
                .findFirst();
    }

    /** Whether every service is ready for work. */
    public boolean ready() {
        return services.stream().allMatch(service -> service.health().ready());
    }

    /**
     * Waits until every service is ready for work.
     *
     * @throws IllegalStateException when a service stopped, or is not ready in time
     */
    public void awaitReady(Duration patience) {
        long end = System.nanoTime() + patience.toNanos();
        while (!ready()) {
            failure().ifPresent(failure -> {
                throw new IllegalStateException(failure);
            });
            if (System.nanoTime() > end) {
                throw new IllegalStateException("not ready after %d s: %s"
                        .formatted(
                                patience.toSeconds(),
                                services.stream()
                                        .filter(service -> !service.health().ready())
                                        .map(service -> "%s is %s"
                                                .formatted(
                                                        service.name(),
                                                        service.health().detail()))
                                        .collect(Collectors.joining(", "))));
            }
            try {
                TimeUnit.MILLISECONDS.sleep(50);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted before it was ready", e);
            }
        }
    }

    /**
     * Waits until the process is told to end (SIGTERM, Ctrl-C), then closes before the JVM goes.
     *
     * @param whole what to close: this process, or what holds it
     * @throws IllegalStateException when a service stopped
     */
    public void awaitEnd(AutoCloseable whole) {
        var told = new CountDownLatch(1);
        var gone = new CountDownLatch(1);
        var hook = new Thread(
                () -> {
                    told.countDown();
                    closeAll(whole);
                    gone.countDown();
                },
                "shutdown");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            while (!told.await(1, TimeUnit.SECONDS)) {
                Optional<String> failure = failure();
                if (failure.isPresent()) {
                    Runtime.getRuntime().removeShutdownHook(hook);
                    throw new IllegalStateException(failure.get());
                }
            }
            gone.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void closeAll(AutoCloseable whole) {
        try {
            whole.close();
        } catch (Exception e) {
            LOG.error("not everything was closed", e);
        }
    }

    /** Closes everything in the reverse order of its start; a second call does nothing. */
    @Override
    public void close() {
        synchronized (opened) {
            if (closed) {
                return;
            }
            closed = true;
            while (!opened.isEmpty()) {
                AutoCloseable part = opened.pop();
                try {
                    part.close();
                } catch (Exception e) {
                    LOG.error(
                            "{} did not close; the rest is closed all the same",
                            part.getClass().getName(),
                            e);
                }
            }
        }
    }

    private static void bindJvm(MeterRegistry metrics) {
        new JvmMemoryMetrics().bindTo(metrics);
        new JvmThreadMetrics().bindTo(metrics);
        new ProcessorMetrics().bindTo(metrics);
        var collector = new JvmGcMetrics();
        collector.bindTo(metrics);
    }
}
