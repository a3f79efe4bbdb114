package io.aquatint.registry;

import io.aquatint.events.ArtifactFormat;
import io.aquatint.runtime.store.ObjectStore;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Where the files of versions can be fetched from. */
final class Links {
    /** The longest that S3 allows. */
    private static final Duration SIGNED = Duration.ofDays(7);

    private final ObjectStore store;
    private final String publicUrl;

    /** @param publicUrl of this registry, or empty for links that the object store signs */
    Links(ObjectStore store, String publicUrl) {
        this.store = store;
        this.publicUrl = publicUrl.replaceAll("/+$", "");
    }

    /** A link for everyone. */
    String of(String dataset, int version, ArtifactFormat format, String objectKey) {
        return publicUrl.isEmpty()
                ? store.presignGet(objectKey, SIGNED).toString()
                : publicUrl + path(dataset, version, format);
    }

    /** A link for whoever asked under this address; the public one where there is one. */
    String of(String dataset, int version, ArtifactFormat format, Optional<String> askedUnder) {
        return (publicUrl.isEmpty() ? askedUnder.orElse("") : publicUrl) + path(dataset, version, format);
    }

    /** The format of a path's last part, {@code diffusers} or {@code kohya}. */
    static Optional<ArtifactFormat> format(String name) {
        return Arrays.stream(ArtifactFormat.values())
                .filter(format -> nameOf(format).equals(name))
                .findFirst();
    }

    private static String path(String dataset, int version, ArtifactFormat format) {
        return "/v1/models/%s/%d/files/%s".formatted(dataset, version, nameOf(format));
    }

    private static String nameOf(ArtifactFormat format) {
        return format.name().toLowerCase(Locale.ROOT);
    }
}
