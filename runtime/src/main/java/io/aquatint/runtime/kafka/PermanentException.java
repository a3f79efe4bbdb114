package io.aquatint.runtime.kafka;

/** Thrown by a handler for a record that it will never be able to handle; the record becomes a dead letter. */
public final class PermanentException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public PermanentException(String message) {
        super(message);
    }

    public PermanentException(String message, Throwable cause) {
        super(message, cause);
    }
}
