package io.aquatint.ingest;

import io.aquatint.ingest.image.Limits;
import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import io.aquatint.runtime.config.HttpConfig;
import io.aquatint.runtime.config.KafkaConfig;
import io.aquatint.runtime.config.ObjectStoreConfig;
import java.nio.file.Path;

/**
 * What ingest is told.
 *
 * @param maxBytes a picture with more is refused
 * @param maxPixels width times height; a picture with more is refused before it is decoded
 * @param work for uploads on their way to the object store and for the batcher's lock file
 */
public record IngestConfig(
        KafkaConfig kafka,
        ObjectStoreConfig store,
        HttpConfig http,

        @ConfigKey("ingest.max.bytes") @ConfigDefault("33554432")
        long maxBytes,

        @ConfigKey("ingest.max.pixels") @ConfigDefault("50000000")
        long maxPixels,

        @ConfigKey("ingest.work") @ConfigDefault("/tmp/aquatint-ingest")
        Path work) {

    /** The limits of pictures. */
    public Limits limits() {
        return new Limits(maxBytes, maxPixels, Limits.DEFAULT.smallestSide());
    }
}
