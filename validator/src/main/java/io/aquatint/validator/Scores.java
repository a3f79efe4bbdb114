package io.aquatint.validator;

import io.aquatint.diffusion.training.ValidationLoss;
import io.aquatint.events.ValidationScored;
import java.util.Map;
import java.util.TreeMap;

/**
 * Makes scores of losses. JSON knows no NaN and no infinity: a loss or score that is no finite number is written as the greatest
 * number there is, which is worse than any other, and read as infinite.
 */
final class Scores {
    private static final double WORST = Double.MAX_VALUE;

    private Scores() {}

    /** V: the losses relative to those of the base model; 1 where no picture is there to be scored. */
    static double relative(Map<Integer, Double> losses, Map<Integer, Double> initial) {
        return losses.isEmpty() || losses.equals(initial) ? 1 : ValidationLoss.relative(losses, initial);
    }

    static ValidationScored written(ValidationScored score) {
        return with(
                score,
                written(score.heldOut()),
                written(score.trainSubset()),
                mapped(score.heldOutLosses(), true),
                mapped(score.trainSubsetLosses(), true));
    }

    static ValidationScored read(ValidationScored score) {
        return with(
                score,
                read(score.heldOut()),
                read(score.trainSubset()),
                mapped(score.heldOutLosses(), false),
                mapped(score.trainSubsetLosses(), false));
    }

    private static ValidationScored with(
            ValidationScored score,
            double heldOut,
            double trainSubset,
            Map<Integer, Double> heldOutLosses,
            Map<Integer, Double> trainSubsetLosses) {
        return new ValidationScored(
                score.trainingId(),
                score.step(),
                heldOut,
                trainSubset,
                heldOutLosses,
                trainSubsetLosses,
                score.seconds());
    }

    private static Map<Integer, Double> mapped(Map<Integer, Double> losses, boolean write) {
        Map<Integer, Double> mapped = new TreeMap<>();
        losses.forEach((timestep, loss) -> mapped.put(timestep, write ? written(loss) : read(loss)));
        return mapped;
    }

    private static double written(double value) {
        return Double.isFinite(value) ? value : WORST;
    }

    private static double read(double value) {
        return value == WORST ? Double.POSITIVE_INFINITY : value;
    }
}
