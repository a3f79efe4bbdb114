package io.aquatint.ingest;

import io.aquatint.ingest.image.Limits;
import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import java.nio.file.Path;

/**
 * How ingest works.
 *
 * @param maxBytes a picture with more is refused
 * @param maxPixels width times height; a picture with more is refused before it is decoded
 * @param work where uploads lie on their way to the object store
 */
public record IngestSettings(
        @ConfigKey("ingest.max.bytes") @ConfigDefault("33554432")
        long maxBytes,

        @ConfigKey("ingest.max.pixels") @ConfigDefault("50000000")
        long maxPixels,

        @ConfigKey("ingest.work") @ConfigDefault("work/ingest")
        Path work) {

    private static final int PICTURES_PER_REQUEST = 8;

    /** The defaults, with a work folder. */
    public static IngestSettings in(Path work) {
        return new IngestSettings(Limits.DEFAULT.bytes(), Limits.DEFAULT.pixels(), work);
    }

    /** The limits of pictures: what is allowed, as far as this JVM's memory reaches. */
    public Limits limits() {
        long affordable = Runtime.getRuntime().maxMemory() / Limits.HEAP_BYTES_PER_PIXEL;
        return new Limits(maxBytes, Math.min(maxPixels, affordable), Limits.DEFAULT.smallestSide());
    }

    /** What an HTTP request may have at most: it may hold several pictures. */
    long maxRequestBytes() {
        return PICTURES_PER_REQUEST * maxBytes;
    }
}
