package io.aquatint.runtime.config;

/** What a client needs to reach both Kafka and the object store. */
public record ClientConfig(KafkaConfig kafka, ObjectStoreConfig store) {}
