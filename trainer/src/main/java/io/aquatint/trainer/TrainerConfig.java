package io.aquatint.trainer;

import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;

/** All that a trainer of its own is told. */
public record TrainerConfig(KafkaConfig kafka, ObjectStoreConfig store, HttpConfig http, TrainerSettings trainer) {}
