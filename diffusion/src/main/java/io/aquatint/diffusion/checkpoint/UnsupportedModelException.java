package io.aquatint.diffusion.checkpoint;

/** A model, or a setting of one, that is not implemented. The message names the file, the key and the value. */
public final class UnsupportedModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public UnsupportedModelException(String message) {
        super(message);
    }
}
