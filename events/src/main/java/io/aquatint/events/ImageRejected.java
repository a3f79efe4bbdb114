package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** A picture was refused, and why. */
@EventType("image.rejected")
public record ImageRejected(
        String dataset, @Nullable String fileName, @Nullable String sourceSha256, RejectionReason reason, String detail)
        implements VerdictEvent {}
