package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class PaceTest {
    private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");

    @Test
    void thePaceIsThatOfTheLastSteps() {
        var pace = new Pace(100, NOON);
        Instant now = NOON.plusSeconds(1000);
        pace.done(101, now);
        for (int step = 102; step <= 200; step++) {
            now = now.plusMillis(500);
            pace.done(step, now);
        }
        assertThat(pace.stepsPerSecond()).isEqualTo(2);
        assertThat(pace.secondsLeft(300)).isEqualTo(50);
        assertThat(pace.secondsLeft(200)).isZero();
    }

    @Test
    void withoutAMeasureNothingIsSaid() {
        var pace = new Pace(0, NOON);
        assertThat(pace.stepsPerSecond()).isZero();
        pace.done(1, NOON);
        assertThat(pace.secondsLeft(10)).isZero();
    }
}
