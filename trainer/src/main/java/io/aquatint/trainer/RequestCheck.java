package io.aquatint.trainer;

import io.aquatint.events.FailureReason;
import io.aquatint.events.TrainingRequested;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Refuses requests that cannot be trained before anything is done for them. */
final class RequestCheck {
    private static final Pattern DATASET = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");

    private RequestCheck() {}

    /**
     * The names become parts of keys, and no training may write where another does.
     *
     * @throws TrainingFailedException saying how a training must be called
     */
    static void names(TrainingRequested request) {
        if (!DATASET.matcher(request.dataset()).matches()
                || request.batch() < 1
                || !request.trainingId().equals(request.dataset() + "/" + request.batch())) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "training '%s' is of data set '%s', batch %d, but it must be called DATASET/BATCH, and the data set %s"
                            .formatted(request.trainingId(), request.dataset(), request.batch(), DATASET));
        }
    }

    /** @throws TrainingFailedException with all that is wrong */
    static void spec(TrainingRequested request) {
        List<String> problems = new ArrayList<>(request.spec().problems());
        if (request.images().isEmpty()) {
            problems.add("there is no picture to train on");
        }
        if (!problems.isEmpty()) {
            throw new TrainingFailedException(FailureReason.BAD_SPEC, String.join("; ", problems));
        }
    }
}
