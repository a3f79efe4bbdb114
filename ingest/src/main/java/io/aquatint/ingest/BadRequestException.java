package io.aquatint.ingest;

import io.aquatint.runtime.lifecycle.JsonError;

/** What a client of the HTTP door did wrong. */
final class BadRequestException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient JsonError error;

    BadRequestException(int status, String error, String detail, String advice) {
        super(detail);
        this.error = new JsonError(status, error, detail, advice);
    }

    /** What it is answered. */
    JsonError error() {
        return error;
    }
}
