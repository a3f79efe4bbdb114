package io.aquatint.diffusion.pipeline;

/** A base model that is neither a known name nor a diffusers folder. */
public final class BaseModelMissingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public BaseModelMissingException(String message) {
        super(message);
    }
}
