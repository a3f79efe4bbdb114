package io.aquatint.ingest;

import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;

/** All that an ingest process of its own is told. */
public record IngestConfig(KafkaConfig kafka, ObjectStoreConfig store, HttpConfig http, IngestSettings ingest) {}
