package io.aquatint.runtime.config;

/** @param bootstrap the brokers, {@code host:port} with commas between them */
public record KafkaConfig(
        @ConfigKey("kafka.bootstrap") @ConfigDefault("localhost:9092")
        String bootstrap) {}
