package io.aquatint.runtime.lifecycle;

import io.vertx.ext.web.Router;

/** A part of the product that runs until it is closed. */
public interface Service extends AutoCloseable {
    String name();

    /** Starts and returns; what goes wrong later shows in {@link #health()}. */
    void start();

    Health health();

    /** Adds the service's HTTP routes, if it has any. */
    default void routes(Router router) {}

    /** Stops; a second call does nothing. */
    @Override
    void close();
}
