package io.aquatint.events;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The stable validation loss of a checkpoint: the mean over timesteps of the loss relative to step 0, of the held-out pictures and
 * of the fixed training subset, and each loss by timestep. A score is 1 at step 0, and where there are no pictures to score (then
 * there are no losses either). What is no finite number is the greatest double.
 */
@EventType("validation.scored")
public record ValidationScored(
        String trainingId,
        int step,
        double heldOut,
        double trainSubset,
        Map<Integer, Double> heldOutLosses,
        Map<Integer, Double> trainSubsetLosses,
        double seconds)
        implements ValidationEvent {
    public ValidationScored {
        heldOutLosses = Collections.unmodifiableMap(new TreeMap<>(heldOutLosses));
        trainSubsetLosses = Collections.unmodifiableMap(new TreeMap<>(trainSubsetLosses));
    }
}
