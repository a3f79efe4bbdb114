package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** A sample picture and what it was made with. */
public record Sample(String prompt, @Nullable String negativePrompt, long seed, String objectKey, String sha256) {}
