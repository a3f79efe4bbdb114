package io.aquatint.diffusion.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.pipeline.Noise;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The samplers that add noise, against the published formulas written out plainly. */
class StochasticSamplersTest {
    private static final Offset<Double> ROUNDING = within(1e-5);
    private static final double[] ALPHAS_CUMPROD = alphasCumprod();

    /** Stable Diffusion's. */
    private static double[] alphasCumprod() {
        double[] alphas = new double[1000];
        double product = 1;
        for (int t = 0; t < 1000; t++) {
            double root = Math.sqrt(0.00085) + (Math.sqrt(0.012) - Math.sqrt(0.00085)) * t / 999;
            product *= 1 - root * root;
            alphas[t] = product;
        }
        return alphas;
    }

    @ParameterizedTest
    @EnumSource
    void eulerAncestralGoesDownAndAddsNoiseAsKDiffusionDoes(PredictionType type) {
        SamplingPlan plan = new EulerAncestralDiscreteSampler(NoiseSchedule.stableDiffusion(type)).plan(10);
        assertThat(plan.steps()).hasSize(10);
        assertThat(plan.stochastic()).isTrue();
        assertThat(plan.initialNoiseSigma()).isCloseTo(sigma(999), ROUNDING);
        double sample = 3.2;
        double output = -0.7;
        for (int i = 0; i < 10; i++) {
            SamplingStep step = plan.steps().get(i);
            double timestep = 999.0 * (9 - i) / 9;
            double from = sigma(timestep);
            double to = i == 9 ? 0 : sigma(999.0 * (8 - i) / 9);
            assertThat(step.timestep()).isCloseTo(timestep, ROUNDING);
            assertThat(step.inputScale()).isCloseTo(1 / Math.sqrt(from * from + 1), ROUNDING);

            double denoised =
                    switch (type) {
                        case EPSILON -> sample - from * output;
                        case V_PREDICTION -> output * (-from / Math.sqrt(from * from + 1)) + sample / (from * from + 1);
                        case SAMPLE -> output;
                    };
            double up = Math.min(to, Math.sqrt(to * to * (from * from - to * to) / (from * from)));
            double down = Math.sqrt(to * to - up * up);
            double derivative = (sample - denoised) / from;
            assertNext(step, sample, output, denoised, sample + derivative * (down - from));
            assertThat(step.nextFromNoise()).isCloseTo(up, ROUNDING);
        }
    }

    /** numpy's interp over σ = √((1 − ᾱ) / ᾱ). */
    private static double sigma(double timestep) {
        int low = Math.min((int) timestep, 998);
        double[] both = Arrays.stream(ALPHAS_CUMPROD, low, low + 2)
                .map(alpha -> Math.sqrt((1 - alpha) / alpha))
                .toArray();
        return both[0] + (timestep - low) * (both[1] - both[0]);
    }

    @ParameterizedTest
    @EnumSource
    void ddpmDrawsFromThePosteriorOfHoAndOthers(PredictionType type) {
        SamplingPlan plan = new DdpmSampler(NoiseSchedule.stableDiffusion(type)).plan(4);
        int[] timesteps = {751, 501, 251, 1};
        assertThat(plan.steps()).extracting(SamplingStep::timestep).containsExactly(751.0, 501.0, 251.0, 1.0);
        assertThat(plan.initialNoiseSigma()).isEqualTo(1);
        double sample = 0.9;
        double output = -0.4;
        for (int i = 0; i < 4; i++) {
            double bar = ALPHAS_CUMPROD[timesteps[i]];
            double nextBar = i == 3 ? 1 : ALPHAS_CUMPROD[timesteps[i + 1]];
            double alpha = bar / nextBar;
            double beta = 1 - alpha;
            double clean =
                    switch (type) {
                        case EPSILON -> (sample - Math.sqrt(1 - bar) * output) / Math.sqrt(bar);
                        case V_PREDICTION -> Math.sqrt(bar) * sample - Math.sqrt(1 - bar) * output;
                        case SAMPLE -> output;
                    };
            double mean = Math.sqrt(nextBar) * beta / (1 - bar) * clean
                    + Math.sqrt(alpha) * (1 - nextBar) / (1 - bar) * sample;
            assertNext(plan.steps().get(i), sample, output, clean, mean);
            assertThat(plan.steps().get(i).nextFromNoise())
                    .isCloseTo(Math.sqrt((1 - nextBar) / (1 - bar) * beta), ROUNDING);
        }
        assertThat(plan.steps().get(3).nextFromNoise()).isZero();
    }

    private static void assertNext(SamplingStep step, double sample, double output, double clean, double next) {
        float[] x = {(float) sample};
        float[] out = {(float) output};
        float[] actualClean = step.clean(x, out);
        assertThat((double) actualClean[0]).isCloseTo(clean, within(1e-4));
        assertThat((double) step.next(x, out, actualClean, null)[0]).isCloseTo(next, within(1e-4));
    }

    @Test
    void ddpmClipsTheCleanSampleWhereTheConfigSaysSo() {
        NoiseSchedule.Sampling clipped = new NoiseSchedule.Sampling(TimestepSpacing.TRAILING, 0, false, 1);
        NoiseSchedule schedule =
                NoiseSchedule.of(BetaSchedule.SCALED_LINEAR, 0.00085, 0.012, 1000, PredictionType.SAMPLE, clipped);
        SamplingPlan plan = new DdpmSampler(schedule).plan(5);
        assertThat(plan.steps()).extracting(SamplingStep::timestep).containsExactly(999.0, 799.0, 599.0, 399.0, 199.0);
        assertThat(plan.steps()).extracting(SamplingStep::clip).containsOnly(1.0);
        assertThatThrownBy(() -> new DdpmSampler(schedule).plan(1001)).hasMessageContaining("1 to 1000");
    }

    /** With the network that knows how data of deviation 0.5 are distributed, samples come out with that deviation. */
    @ParameterizedTest
    @EnumSource(
            value = Sampler.Kind.class,
            names = {"EULER_ANCESTRAL", "DDPM"})
    void samplesAreSpreadAsTheDataAre(Sampler.Kind kind) {
        double deviation = 0.5;
        SamplingPlan plan =
                kind.of(NoiseSchedule.stableDiffusion(PredictionType.EPSILON)).plan(200);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Shape shape = new Shape(2, 10_000);
            Noise noise = new Noise(1);
            NDArray initial = manager.create(noise.next(20_000), shape).mul((float) plan.initialNoiseSigma());
            NDArray samples = plan.sample(
                    initial,
                    (outputs, wanted) -> outputs.create(noise.next((int) wanted.size()), wanted),
                    (input, timestep) -> {
                        double sigma = sigma(timestep);
                        double bar = 1 / (1 + sigma * sigma);
                        double variance = bar * deviation * deviation + 1 - bar;
                        return input.mul((float) (Math.sqrt(1 - bar) / variance)); // E[ε | input]
                    });
            double mean = samples.mean().getFloat();
            double spread = Math.sqrt(samples.square().mean().getFloat());
            assertThat(mean).isCloseTo(0, within(0.02));
            assertThat(spread).isCloseTo(deviation, within(0.02));
        }
    }

    @Test
    void deterministicSamplersAddNoNoise() {
        NoiseSchedule schedule = NoiseSchedule.stableDiffusion(PredictionType.EPSILON);
        for (Sampler.Kind kind : new Sampler.Kind[] {
            Sampler.Kind.DDIM, Sampler.Kind.DPMPP_2M, Sampler.Kind.DPMPP_2M_KARRAS, Sampler.Kind.EULER
        }) {
            assertThat(kind.of(schedule).plan(7).stochastic()).as(kind.name()).isFalse();
        }
    }
}
