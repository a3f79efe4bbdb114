package io.aquatint.runtime.store;

import org.jspecify.annotations.Nullable;

/** The object store did not do what it was asked to. Worth another try. */
public final class ObjectStoreException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public ObjectStoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
