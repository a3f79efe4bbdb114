package io.aquatint.runtime.config;

/**
 * Where a service answers HTTP.
 *
 * @param port 0 takes a free one
 */
public record HttpConfig(
        @ConfigKey("http.host") @ConfigDefault("0.0.0.0") String host,

        @ConfigKey("http.port") @ConfigDefault("8080") int port) {}
