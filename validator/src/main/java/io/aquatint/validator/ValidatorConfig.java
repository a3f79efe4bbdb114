package io.aquatint.validator;

import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;

/** All that a validator of its own is told. */
public record ValidatorConfig(
        KafkaConfig kafka, ObjectStoreConfig store, HttpConfig http, ValidatorSettings validator) {}
