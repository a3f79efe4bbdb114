package io.aquatint.diffusion.parity;

import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.scheduler.BetaSchedule;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.scheduler.PredictionType;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.scheduler.SamplingPlan;
import io.aquatint.diffusion.scheduler.SamplingStep;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Noise schedules and samplers. */
final class SchedulerCases {
    private static final String MODEL = "eps = sin(3*scaled_input)*0.5 + 0.1*cos(timestep)";

    private SchedulerCases() {}

    static NoiseSchedule schedule(JsonNode meta) {
        return NoiseSchedule.of(
                choice(BetaSchedule.class, meta.path("beta_schedule").asText("scaled_linear")),
                meta.path("beta_start").asDouble(0.00085),
                meta.path("beta_end").asDouble(0.012),
                meta.path("num_train_timesteps").asInt(1000),
                choice(PredictionType.class, meta.path("prediction_type").asText("epsilon")),
                NoiseSchedule.Sampling.STABLE_DIFFUSION);
    }

    private static <E extends Enum<E>> E choice(Class<E> choices, String name) {
        return Arrays.stream(choices.getEnumConstants())
                .filter(choice -> choice.name().toLowerCase(Locale.ROOT).equals(name))
                .findFirst()
                .orElseThrow(() -> new UnsupportedModelException(name + " is not supported"));
    }

    static void noise(GoldenCase golden) {
        NoiseSchedule schedule = schedule(golden.meta());
        golden.compare("alphas_cumprod", schedule.alphasCumprod());
        long[] timesteps = golden.tensor("timesteps").toLongs();
        float[] snr = new float[timesteps.length];
        for (int i = 0; i < timesteps.length; i++) {
            int timestep = (int) timesteps[i];
            float[] latents = golden.row("latents", i);
            float[] noise = golden.row("noise", i);
            golden.compare(schedule.addNoise(latents, noise, timestep), golden.row("noisy", i));
            golden.compare(schedule.velocity(latents, noise, timestep), golden.row("velocity", i));
            snr[i] = (float) schedule.snr(timestep);
        }
        golden.compare("snr", snr);
    }

    static void sampler(String name, GoldenCase golden) {
        Sampler.Kind kind = Sampler.Kind.named(name)
                .orElseThrow(() -> new UnsupportedModelException("the sampler " + name + " is not supported"));
        if (!golden.meta("model").asText().equals(MODEL)) {
            throw new UnsupportedModelException("the model function " + golden.meta("model") + " is not supported");
        }
        SamplingPlan plan =
                kind.of(schedule(golden.meta())).plan(golden.meta("steps").asInt());
        if (plan.stochastic() && !golden.has("noise")) {
            throw new UnsupportedModelException("the noise that " + name + " adds is not in the case");
        }
        float[] timesteps = new float[plan.steps().size()];
        float[] sample = golden.floats("initial");
        float @Nullable [] previousClean = null;
        for (int i = 0; i < timesteps.length; i++) {
            SamplingStep step = plan.steps().get(i);
            timesteps[i] = (float) step.timestep();
            float[] output = predicted(step.input(sample), step.timestep());
            float[] clean = step.clean(sample, output);
            sample = step.next(sample, output, clean, previousClean);
            if (plan.stochastic()) {
                add(step.nextFromNoise(), golden.row("noise", i), sample);
            }
            previousClean = clean;
            golden.compare(sample, golden.row("trajectory", i));
        }
        golden.compare("timesteps", timesteps);
        if (golden.meta().has("init_noise_sigma")) {
            float expected = (float) golden.meta("init_noise_sigma").asDouble();
            golden.compare(new float[] {(float) plan.initialNoiseSigma()}, new float[] {expected});
        }
    }

    private static void add(double factor, float[] noise, float[] sample) {
        for (int i = 0; i < sample.length; i++) {
            sample[i] += (float) (factor * noise[i]);
        }
    }

    private static float[] predicted(float[] input, double timestep) {
        float[] output = new float[input.length];
        for (int i = 0; i < output.length; i++) {
            output[i] = (float) (Math.sin(3f * input[i]) * 0.5 + 0.1 * Math.cos(timestep));
        }
        return output;
    }
}
