package io.aquatint.trainer;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.pipeline.BaseModelMissingException;
import io.aquatint.diffusion.pipeline.PictureNotFiniteException;
import io.aquatint.diffusion.training.TrainingDivergedException;
import io.aquatint.events.FailureReason;
import io.aquatint.runtime.kafka.Failure;
import io.aquatint.runtime.store.ObjectMissingException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;

/**
 * What an exception means for a training.
 *
 * @param permanent whether trying again cannot help
 * @param detail a sentence that names what is wrong
 */
record TrainingFailure(FailureReason reason, boolean permanent, String detail) {
    /** How torch says that there is no memory left, on the CPU (Linux, Windows) and on the GPU. */
    private static final List<String> NO_MEMORY =
            List.of("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory");

    static TrainingFailure of(Throwable thrown) {
        String detail = thrown.getMessage() == null ? thrown.toString() : thrown.getMessage();
        if (thrown instanceof TrainingFailedException known) {
            return new TrainingFailure(known.reason(), true, detail);
        } else if (thrown instanceof BaseModelMissingException) {
            return new TrainingFailure(FailureReason.BASE_MODEL_MISSING, true, detail);
        } else if (thrown instanceof UnsupportedModelException || thrown instanceof CheckpointException) {
            return new TrainingFailure(FailureReason.UNSUPPORTED_MODEL, true, detail);
        } else if (thrown instanceof TrainingDivergedException || thrown instanceof PictureNotFiniteException) {
            return new TrainingFailure(FailureReason.NOT_A_NUMBER, true, detail);
        } else if (isOutOfMemory(thrown)) {
            return new TrainingFailure(FailureReason.OUT_OF_MEMORY, true, detail);
        } else if (Failure.of(thrown) == Failure.TRANSIENT) {
            return new TrainingFailure(FailureReason.UNAVAILABLE, false, detail);
        } else if (thrown instanceof ObjectMissingException || thrown instanceof UncheckedIOException) {
            return new TrainingFailure(FailureReason.INTERNAL, false, detail);
        }
        return new TrainingFailure(FailureReason.INTERNAL, false, thrown.toString());
    }

    /** Whether the world around is at fault, and not the training. */
    boolean isOfTheMoment() {
        return reason == FailureReason.UNAVAILABLE;
    }

    private static boolean isOutOfMemory(Throwable thrown) {
        for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
            if (cause instanceof OutOfMemoryError) {
                return true;
            }
            String message = String.valueOf(cause.getMessage()).toLowerCase(Locale.ROOT);
            if (NO_MEMORY.stream().anyMatch(message::contains)) {
                return true;
            }
        }
        return false;
    }
}
