package io.aquatint.runtime.store;

import java.time.Instant;

/**
 * What the store knows of an object.
 *
 * @param etag another one for another content; what it is made of is the store's matter
 */
public record ObjectInfo(String key, long bytes, String contentType, Instant modified, String etag) {}
