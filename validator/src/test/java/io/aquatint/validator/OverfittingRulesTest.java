package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.AlertLevel;
import io.aquatint.events.AlertRule;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.ValidationScored;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OverfittingRulesTest {
    private static final double[] FALLING = {.95, .9, .85, .8, .75, .7};

    @Test
    void aHealthyTrainingRaisesNothing() {
        assertThat(last(new double[] {.97, .95, .93, .92, .915, .91}, FALLING)).isEmpty();
    }

    @Test
    void aPlantedRiseIsWarnedOfAtItsThirdEvaluation() {
        double[] heldOut = {.95, .90, .92, .93, .94};
        assertThat(alerts(heldOut, FALLING, 4)).isEmpty();
        assertThat(alerts(heldOut, FALLING, 5)).singleElement().satisfies(alert -> {
            assertThat(alert.level()).isEqualTo(AlertLevel.WARNING);
            assertThat(alert.rule()).isEqualTo(AlertRule.VALIDATION_LOSS_RISING);
            assertThat(alert.bestStep()).isEqualTo(200);
            assertThat(alert.threshold()).isEqualTo(.90 * 1.01);
            assertThat(alert.advice()).contains("step 200");
        });
    }

    @Test
    void aRiseThatIsInterruptedIsNone() {
        assertThat(last(new double[] {.95, .90, .92, .905, .94}, FALLING)).isEmpty();
    }

    @Test
    void aRiseUnderOnePercentIsNone() {
        assertThat(last(new double[] {.95, .90, .908, .908, .908}, FALLING)).isEmpty();
    }

    @Test
    void whenTheTrainingPicturesGetWorseTooItIsNoOverfitting() {
        assertThat(last(new double[] {.95, .90, .92, .93, .94}, new double[] {.9, .8, .85, .86, .87}))
                .isEmpty();
    }

    @Test
    void worseThanTheBaseModelIsCritical() {
        assertThat(last(new double[] {.95, 1.02}, FALLING)).singleElement().satisfies(alert -> {
            assertThat(alert.level()).isEqualTo(AlertLevel.CRITICAL);
            assertThat(alert.rule()).isEqualTo(AlertRule.VALIDATION_LOSS_ABOVE_START);
            assertThat(alert.bestStep()).isEqualTo(100);
        });
    }

    @Test
    void theFirstStepsMayMoveTheLossALittle() {
        assertThat(last(new double[] {1}, FALLING)).isEmpty();
        assertThat(last(new double[] {1.003, 1.01}, FALLING)).isEmpty();
        assertThat(last(new double[] {1.003, 1.011}, FALLING)).hasSize(1);
    }

    @Test
    void aLossThatIsNoNumberIsCriticalAndItsAlertHoldsNumbersAlone() {
        for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThat(last(new double[] {.9, bad}, FALLING)).singleElement().satisfies(alert -> {
                assertThat(alert.rule()).isEqualTo(AlertRule.LOSS_NOT_FINITE);
                assertThat(alert.level()).isEqualTo(AlertLevel.CRITICAL);
                assertThat(alert.value()).isEqualTo(1);
            });
        }
    }

    @Test
    void aBaseModelWhoseLossIsNoNumberIsToBlameItself() {
        ValidationScored base = new ValidationScored("d/1", 0, 1, 1, Map.of(62, Double.NaN), Map.of(), 1);
        assertThat(OverfittingRules.ofScores(List.of(base), 0)).singleElement().satisfies(alert -> {
            assertThat(alert.rule()).isEqualTo(AlertRule.LOSS_NOT_FINITE);
            assertThat(alert.detail()).contains("the base model's weights");
        });
    }

    @Test
    void withoutHeldOutPicturesNothingIsJudged() {
        ValidationScored score = new ValidationScored("d/1", 100, Double.NaN, .9, Map.of(), Map.of(62, .9), 1);
        assertThat(OverfittingRules.ofScores(List.of(score), 100)).isEmpty();
    }

    @Test
    void orderDuplicatesAndLaterScoresChangeNothing() {
        List<ValidationScored> scores = scores(new double[] {.95, .90, .92, .93, .94, .5}, FALLING);
        List<OverfittingAlert> expected = OverfittingRules.ofScores(scores.subList(0, 5), 500);
        List<ValidationScored> mixed = new ArrayList<>(scores);
        mixed.addAll(scores);
        Collections.reverse(mixed);
        assertThat(expected).hasSize(1);
        assertThat(OverfittingRules.ofScores(mixed, 500)).isEqualTo(expected);
    }

    @Test
    void aCopyIsCriticalBelowTheThresholdAlone() {
        assertThat(OverfittingRules.ofCopy("d/1", 100, "sample", new NearCopy.Match("ab", .15)))
                .isEmpty();
        assertThat(OverfittingRules.ofCopy("d/1", 100, "sample", new NearCopy.Match("ab", .14)))
                .hasValueSatisfying(alert -> assertThat(alert.rule()).isEqualTo(AlertRule.COPY));
    }

    private static List<OverfittingAlert> last(double[] heldOut, double[] subset) {
        return alerts(heldOut, subset, heldOut.length);
    }

    private static List<OverfittingAlert> alerts(double[] heldOut, double[] subset, int count) {
        return OverfittingRules.ofScores(scores(heldOut, subset).subList(0, count), 100 * count);
    }

    private static List<ValidationScored> scores(double[] heldOut, double[] subset) {
        List<ValidationScored> scores = new ArrayList<>();
        for (int i = 0; i < heldOut.length; i++) {
            scores.add(new ValidationScored(
                    "d/1", 100 * (i + 1), heldOut[i], subset[i], Map.of(62, heldOut[i]), Map.of(62, subset[i]), 1));
        }
        return scores;
    }
}
