package io.aquatint.ingest.image;

import io.aquatint.events.RejectionReason;

/** A picture that is refused. The message says what was wrong with it. */
public final class RejectedImageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final RejectionReason reason;

    public RejectedImageException(RejectionReason reason, String detail) {
        super(detail);
        this.reason = reason;
    }

    public RejectedImageException(RejectionReason reason, String detail, Throwable cause) {
        super(detail, cause);
        this.reason = reason;
    }

    public RejectionReason reason() {
        return reason;
    }
}
