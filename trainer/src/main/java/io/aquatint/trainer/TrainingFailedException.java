package io.aquatint.trainer;

import io.aquatint.events.FailureReason;

/** A failure for good whose reason is known where it is found. */
public final class TrainingFailedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final FailureReason reason;

    TrainingFailedException(FailureReason reason, String detail) {
        super(detail);
        this.reason = reason;
    }

    TrainingFailedException(FailureReason reason, String detail, Throwable cause) {
        super(detail, cause);
        this.reason = reason;
    }

    FailureReason reason() {
        return reason;
    }
}
