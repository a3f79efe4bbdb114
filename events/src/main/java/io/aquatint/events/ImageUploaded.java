package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** A picture and its caption: up to 1 MiB of {@code bytes} inline (base64 in JSON), or the {@code objectKey} where it was put. {@code sha256}, when given, is checked against the bytes. {@code role} is INSTANCE where it is absent. */
@EventType("image.uploaded")
public record ImageUploaded(
        String dataset,
        @Nullable String fileName,
        @Nullable String caption,
        @Nullable String contentType,
        byte @Nullable [] bytes,
        @Nullable String objectKey,
        @Nullable String sha256,
        @Nullable String uploadedBy,
        @Nullable ImageRole role)
        implements UploadEvent {
    /** So many bytes an event may hold; a larger picture goes to the object store. */
    public static final int INLINE_BYTES = 1 << 20;

    /** A picture of what is to be learned. */
    public ImageUploaded(
            String dataset,
            @Nullable String fileName,
            @Nullable String caption,
            @Nullable String contentType,
            byte @Nullable [] bytes,
            @Nullable String objectKey,
            @Nullable String sha256,
            @Nullable String uploadedBy) {
        this(dataset, fileName, caption, contentType, bytes, objectKey, sha256, uploadedBy, null);
    }
}
