package io.aquatint.runtime.lifecycle;

import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;

/**
 * What every HTTP route answers when it cannot do what it was asked to.
 *
 * @param error a fixed word for programs, for example {@code model_missing}
 * @param detail what was wrong, as a sentence
 * @param advice what to do about it, as a sentence
 */
public record JsonError(int status, String error, String detail, String advice) {

    /** The object store could not be reached, or refused. */
    public static JsonError storeUnavailable() {
        return new JsonError(
                503,
                "store_unavailable",
                "The object store does not answer.",
                "Try again in some seconds; if it stays so, look at /health/ready and the log.");
    }

    public void send(RoutingContext context) {
        context.response()
                .setStatusCode(status)
                .putHeader("content-type", "application/json")
                .end(new JsonObject()
                        .put("error", error)
                        .put("detail", detail)
                        .put("advice", advice)
                        .encode());
    }
}
