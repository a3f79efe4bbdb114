package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LossScaleTest {
    @Test
    void itIsHalvedByEachOverflowAndDoubledAfterTwoThousandStepsWithout() {
        LossScale scale = LossScale.dynamic();
        assertThat(scale.factor()).isEqualTo(65536);
        scale.updated(false);
        scale.updated(false);
        assertThat(scale.factor()).isEqualTo(16384);

        times(1999, scale);
        scale.updated(false); // the count begins anew
        times(1999, scale);
        assertThat(scale.factor()).isEqualTo(8192);
        scale.updated(true);
        assertThat(scale.factor()).isEqualTo(16384);
    }

    @Test
    void aScaleThatIsRestoredGrowsWhereItWould() {
        LossScale scale = LossScale.dynamic();
        times(1500, scale);
        LossScale other = LossScale.dynamic();
        other.restore(scale.state());

        times(499, other);
        assertThat(other.factor()).isEqualTo(65536);
        other.updated(true);
        assertThat(other.factor()).isEqualTo(131072);
    }

    @Test
    void aGradientIsGivenUpOnceTheScaleIsOne() {
        LossScale scale = LossScale.dynamic();
        for (int i = 0; i < 16; i++) {
            assertThat(scale.mayShrink()).isTrue();
            scale.updated(false);
        }
        assertThat(scale.factor()).isEqualTo(1);
        assertThat(scale.mayShrink()).isFalse();
    }

    @Test
    void otherPrecisionsNeedNone() {
        LossScale scale = LossScale.none();
        scale.updated(false);
        assertThat(scale.factor()).isEqualTo(1);
        assertThat(scale.mayShrink()).isFalse();
    }

    private static void times(int count, LossScale scale) {
        for (int i = 0; i < count; i++) {
            scale.updated(true);
        }
    }
}
