package io.aquatint.validator;

import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.ValidationScored;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Tells overfitting from scores and samples, without any further model. V is the mean over timesteps of the loss relative to step
 * 0, so that it is 1 at step 0.
 *
 * <p>The rules are a function of the scores alone: the same scores, in any order and however often, give the same alerts.
 */
public final class OverfittingRules {
    /**
     * V so much above its best, or above the base model's, counts as risen: the first steps of a good training, which change little
     * yet, move it up and down by some tenths of a percent.
     */
    static final double RISE = 0.01;

    private static final double WORSE_THAN_BASE = 1 + RISE;
    /** At so many evaluations running. */
    static final int EVALUATIONS = 3;
    /** A sample that is closer to a training picture is a copy (tiled l2, Carlini et al. 2023). */
    static final double COPY_DISTANCE = 0.15;

    private OverfittingRules() {}

    /** The alerts of the evaluation at {@code step}, in the light of all that came before it. */
    public static List<OverfittingAlert> ofScores(Collection<ValidationScored> scores, int step) {
        TreeMap<Integer, ValidationScored> byStep = new TreeMap<>();
        for (ValidationScored score : scores) {
            if (score.step() <= step) {
                byStep.put(score.step(), score);
            }
        }
        ValidationScored current = byStep.get(step);
        if (current == null) {
            throw new IllegalArgumentException("there is no score of step " + step);
        }
        if (!finite(current)) {
            return List.of(notFinite(current));
        }
        // without held-out pictures there is no V to judge by
        List<ValidationScored> judged = byStep.values().stream()
                .filter(score -> score.step() > 0 && !score.heldOutLosses().isEmpty() && finite(score))
                .toList();
        List<OverfittingAlert> alerts = new ArrayList<>();
        if (!judged.isEmpty() && judged.get(judged.size() - 1).step() == step) {
            rising(judged).ifPresent(alerts::add);
            if (current.heldOut() > WORSE_THAN_BASE) {
                alerts.add(aboveStart(current, best(judged)));
            }
        }
        return alerts;
    }

    /** An alert when a sample is a copy of a training picture. */
    public static Optional<OverfittingAlert> ofCopy(
            String trainingId, int step, String sampleKey, NearCopy.Match match) {
        if (!(match.distance() < COPY_DISTANCE)) {
            return Optional.empty();
        }
        return Optional.of(new OverfittingAlert(
                trainingId,
                step,
                AlertLevel.CRITICAL,
                AlertRule.COPY,
                match.distance(),
                COPY_DISTANCE,
                "sample %s is a copy of the training picture %s".formatted(sampleKey, match.sha256()),
                "Use an earlier checkpoint, fewer steps or a lower rank, and look for duplicates among the pictures.",
                null));
    }

    private static Optional<OverfittingAlert> rising(List<ValidationScored> judged) {
        int first = judged.size() - EVALUATIONS;
        if (first < 0) {
            return Optional.empty();
        }
        Best best = best(judged.subList(0, first));
        double threshold = best.value() * (1 + RISE);
        List<ValidationScored> running = judged.subList(first, judged.size());
        boolean risen = running.stream().allMatch(score -> score.heldOut() > threshold);
        ValidationScored current = running.get(EVALUATIONS - 1);
        double subsetBefore = first == 0 ? 1 : judged.get(first - 1).trainSubset();
        boolean subsetFalls = !current.trainSubsetLosses().isEmpty() && current.trainSubset() < subsetBefore;
        if (!risen || !subsetFalls) {
            return Optional.empty();
        }
        return Optional.of(new OverfittingAlert(
                current.trainingId(),
                current.step(),
                AlertLevel.WARNING,
                AlertRule.VALIDATION_LOSS_RISING,
                current.heldOut(),
                threshold,
                format(
                        "the held-out loss was above its best (%.4f at step %d) at %d evaluations running, while that of the"
                                + " training pictures fell from %.4f to %.4f",
                        best.value(), best.step(), EVALUATIONS, subsetBefore, current.trainSubset()),
                best.step() == 0
                        ? "No checkpoint is better than the base model: use more varied pictures or a lower learning rate."
                        : "Use the checkpoint of step %d; for longer training give more varied pictures."
                                .formatted(best.step()),
                best.step()));
    }

    private static OverfittingAlert aboveStart(ValidationScored current, Best best) {
        return new OverfittingAlert(
                current.trainingId(),
                current.step(),
                AlertLevel.CRITICAL,
                AlertRule.VALIDATION_LOSS_ABOVE_START,
                current.heldOut(),
                WORSE_THAN_BASE,
                format(
                        "the held-out loss is %.4f of what it was before training: the model is worse on unseen pictures than"
                                + " its base",
                        current.heldOut()),
                best.step() == 0
                        ? "Stop, and train again with a lower learning rate, a lower rank or more pictures."
                        : "Stop, and use the checkpoint of step %d.".formatted(best.step()),
                best.step());
    }

    private static OverfittingAlert notFinite(ValidationScored current) {
        boolean base = current.step() == 0;
        return new OverfittingAlert(
                current.trainingId(),
                current.step(),
                AlertLevel.CRITICAL,
                AlertRule.LOSS_NOT_FINITE,
                // JSON has no NaN: the value counts the losses that are no numbers, and none is allowed
                notFiniteLosses(current.heldOutLosses()) + notFiniteLosses(current.trainSubsetLosses()),
                0,
                "a validation loss is no finite number: "
                        + (base ? "the base model's weights hold NaN or infinity" : "the training diverged"),
                base
                        ? "Take a base model that draws pictures, and get its files again."
                        : "Train again with a lower learning rate, and use no checkpoint from here on.",
                null);
    }

    private static boolean finite(ValidationScored score) {
        return notFiniteLosses(score.heldOutLosses()) == 0
                && notFiniteLosses(score.trainSubsetLosses()) == 0
                && (score.heldOutLosses().isEmpty() || Double.isFinite(score.heldOut()))
                && (score.trainSubsetLosses().isEmpty() || Double.isFinite(score.trainSubset()));
    }

    private static long notFiniteLosses(Map<Integer, Double> losses) {
        return losses.values().stream().filter(loss -> !Double.isFinite(loss)).count();
    }

    /** The lowest V, the earliest of equals; the base model's is 1 at step 0. */
    private static Best best(List<ValidationScored> scores) {
        Best best = new Best(0, 1);
        for (ValidationScored score : scores) {
            if (score.heldOut() < best.value()) {
                best = new Best(score.step(), score.heldOut());
            }
        }
        return best;
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }

    private record Best(int step, double value) {}
}
