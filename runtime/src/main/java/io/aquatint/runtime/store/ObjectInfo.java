package io.aquatint.runtime.store;

import java.time.Instant;

/** What the store knows of an object. */
public record ObjectInfo(String key, long bytes, String contentType, Instant modified) {}
