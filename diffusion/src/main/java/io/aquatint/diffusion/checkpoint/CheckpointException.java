package io.aquatint.diffusion.checkpoint;

/** A file of weights that cannot be used. The message names the file, the tensor and the reason. */
public final class CheckpointException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public CheckpointException(String message) {
        super(message);
    }

    public CheckpointException(String message, Throwable cause) {
        super(message, cause);
    }
}
