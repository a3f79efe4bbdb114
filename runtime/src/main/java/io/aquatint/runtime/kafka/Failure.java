package io.aquatint.runtime.kafka;

import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStoreException;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.SerializationException;

/** What a handler's exception means for the record. */
public enum Failure {
    /** Trying again cannot help: the record becomes a dead letter. */
    PERMANENT,
    /** The world around is at fault: the record is tried again, after a pause. */
    TRANSIENT,
    /** The program is at fault: it stops rather than lose records. */
    BUG;

    /** Classifies the exceptions of Kafka and the object store; whatever is not known is a bug. */
    public static Failure of(Throwable thrown) {
        if (thrown instanceof PermanentException
                || thrown instanceof SerializationException
                || thrown instanceof RecordTooLargeException
                || thrown instanceof ObjectMissingException) {
            return PERMANENT;
        } else if (thrown instanceof ObjectStoreException
                || thrown instanceof RetriableException
                || thrown instanceof IOException
                || thrown instanceof UncheckedIOException) {
            return TRANSIENT;
        }
        return BUG;
    }
}
