package io.aquatint.runtime.store;

/** There is no such object. Trying again does not help. */
public final class ObjectMissingException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final String key;

    public ObjectMissingException(String key) {
        super("the object store has no object '%s'".formatted(key));
        this.key = key;
    }

    public String key() {
        return key;
    }
}
