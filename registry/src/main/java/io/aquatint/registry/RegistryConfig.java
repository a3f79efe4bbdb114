package io.aquatint.registry;

import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;

/** All that a registry of its own is told. */
public record RegistryConfig(KafkaConfig kafka, ObjectStoreConfig store, HttpConfig http, RegistrySettings registry) {}
