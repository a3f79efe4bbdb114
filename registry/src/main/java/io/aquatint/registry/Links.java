package io.aquatint.registry;

import io.aquatint.events.Artifact;
import io.aquatint.events.ModelVersion;
import io.aquatint.runtime.store.ObjectStore;
import java.time.Duration;
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

    /** The key of a version's file. */
    static String key(String dataset, int version, String name) {
        return folder(dataset, version) + name;
    }

    /** A link for everyone. */
    String of(String dataset, int version, String objectKey) {
        return publicUrl.isEmpty()
                ? store.presignGet(objectKey, SIGNED).toString()
                : publicUrl + path(dataset, version, objectKey);
    }

    /** A link for whoever asked under this address; the public one where there is one. */
    String of(String dataset, int version, String objectKey, Optional<String> askedUnder) {
        return (publicUrl.isEmpty() ? askedUnder.orElse("") : publicUrl) + path(dataset, version, objectKey);
    }

    /**
     * The file that a path's end names: by its name, {@code unet/config.json}, or by its format, {@code kohya}, which is the first of
     * that format.
     */
    static Optional<Artifact> find(ModelVersion version, String name) {
        String key = key(version.dataset(), version.version(), name);
        return version.artifacts().stream()
                .filter(artifact -> artifact.objectKey().equals(key))
                .findFirst()
                .or(() -> version.artifacts().stream()
                        .filter(artifact -> artifact.format()
                                .name()
                                .toLowerCase(Locale.ROOT)
                                .equals(name))
                        .findFirst());
    }

    private static String path(String dataset, int version, String objectKey) {
        String folder = folder(dataset, version);
        String name = objectKey.startsWith(folder) ? objectKey.substring(folder.length()) : objectKey;
        return "/v1/models/%s/%d/files/%s".formatted(dataset, version, name);
    }

    private static String folder(String dataset, int version) {
        return "models/%s/%d/".formatted(dataset, version);
    }
}
