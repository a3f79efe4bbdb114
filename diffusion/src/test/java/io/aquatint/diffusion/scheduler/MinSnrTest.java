package io.aquatint.diffusion.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aquatint.diffusion.checkpoint.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Min-SNR weights (Hang et al. 2023) as diffusers' scripts compute them. */
class MinSnrTest {
    private static final double GAMMA = 5;

    @TempDir
    Path folder = Path.of("");

    @Test
    void theLossOfNoiseIsWeighedByWhatTheRatioExceedsGamma() {
        NoiseSchedule schedule = NoiseSchedule.stableDiffusion(PredictionType.EPSILON);
        assertThat(schedule.snr(10)).isGreaterThan(GAMMA);
        assertThat(schedule.minSnrWeight(10, GAMMA)).isCloseTo(GAMMA / schedule.snr(10), within(1e-12));
        assertThat(schedule.snr(900)).isLessThan(GAMMA);
        assertThat(schedule.minSnrWeight(900, GAMMA)).isEqualTo(1);
    }

    @Test
    void theLossOfVelocityIsWeighedByTheRatioAndOneMore() {
        NoiseSchedule schedule = NoiseSchedule.stableDiffusion(PredictionType.V_PREDICTION);
        for (int timestep : new int[] {10, 900}) {
            double snr = schedule.snr(timestep);
            assertThat(schedule.minSnrWeight(timestep, GAMMA))
                    .isCloseTo(Math.min(snr, GAMMA) / (snr + 1), within(1e-12));
        }
    }

    @Test
    void aScheduleThatEndsWithoutSignalHasFiniteWeights() throws IOException {
        for (String type : new String[] {"epsilon", "v_prediction"}) {
            NoiseSchedule schedule = NoiseSchedule.of(ModelConfig.read(Files.writeString(
                    folder.resolve("scheduler_config.json"),
                    "{\"prediction_type\": \"%s\", \"rescale_betas_zero_snr\": true}".formatted(type))));
            assertThat(schedule.snr(999)).isZero();
            assertThat(schedule.minSnrWeight(999, GAMMA)).isEqualTo(type.equals("epsilon") ? 1 : 0);
        }
    }
}
