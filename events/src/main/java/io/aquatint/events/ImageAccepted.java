package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** A picture is stored, cropped and checked. {@code sha256} of the stored PNG is its identity; {@code sharpness} is the variance of the Laplacian; {@code perceptualHash} has 16 hex digits; {@code role} is as it was sent. */
@EventType("image.accepted")
public record ImageAccepted(
        String dataset,
        String sha256,
        String objectKey,
        String caption,
        @Nullable String fileName,
        String sourceSha256,
        String sourceFormat,
        PixelSize before,
        PixelSize after,
        Crop crop,
        double sharpness,
        String perceptualHash,
        long bytes,
        @Nullable ImageRole role)
        implements VerdictEvent {}
