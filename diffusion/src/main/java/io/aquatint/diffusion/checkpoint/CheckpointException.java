package io.aquatint.diffusion.checkpoint;

/** A checkpoint that cannot be used: something is missing, misshapen, unsupported or broken. The message says what and where. */
public class CheckpointException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public CheckpointException(String message) {
        super(message);
    }

    public CheckpointException(String message, Throwable cause) {
        super(message, cause);
    }
}
