package io.aquatint.diffusion.scheduler;

import io.aquatint.diffusion.checkpoint.ModelConfig;
import java.util.Locale;

/**
 * The noise of each training timestep (Ho et al., Denoising Diffusion Probabilistic Models, 2020): a sample at timestep t is
 * {@code signal(t) · clean + noise(t) · ε} with {@code signal² = ᾱ(t)} and {@code noise² = 1 − ᾱ(t)}.
 */
public final class NoiseSchedule {
    private static final int MOST_STEPS = 1_000_000;

    private final float[] alphasCumprod;
    private final PredictionType predictionType;
    private final Sampling sampling;

    /**
     * How DDIM and DDPM sample, from the scheduler's configuration.
     *
     * @param stepsOffset added to the timesteps of leading spacing
     * @param setAlphaToOne the last step goes to ᾱ = 1, not to ᾱ(0)
     * @param clip the clean sample is clipped to ± this; infinite for no clipping
     */
    public record Sampling(TimestepSpacing spacing, int stepsOffset, boolean setAlphaToOne, double clip) {
        /** Stable Diffusion's. */
        public static final Sampling STABLE_DIFFUSION =
                new Sampling(TimestepSpacing.LEADING, 1, false, Double.POSITIVE_INFINITY);

        /** The timesteps of a run of so many steps among those of the training, from the noisiest. */
        int[] timesteps(int trained, int steps) {
            if (steps < 1 || steps > trained) {
                throw new IllegalArgumentException("steps is " + steps + ", but must be 1 to " + trained);
            }
            int[] timesteps = new int[steps];
            for (int i = 0; i < steps; i++) {
                timesteps[i] = switch (spacing) {
                    case LEADING -> (steps - 1 - i) * (trained / steps) + stepsOffset;
                    case LINSPACE ->
                        steps == 1 ? 0 : (int) Math.rint((double) (trained - 1) * (steps - 1 - i) / (steps - 1));
                    case TRAILING -> (int) Math.rint(trained - i * ((double) trained / steps)) - 1;
                };
            }
            if (timesteps[0] >= trained) {
                throw new IllegalArgumentException(steps + " steps begin beyond the last of " + trained + " timesteps");
            }
            return timesteps;
        }
    }

    private NoiseSchedule(float[] alphasCumprod, PredictionType predictionType, Sampling sampling) {
        this.alphasCumprod = alphasCumprod;
        this.predictionType = predictionType;
        this.sampling = sampling;
    }

    /** The schedule of the given variances. */
    public static NoiseSchedule of(
            BetaSchedule schedule, double start, double end, int steps, PredictionType type, Sampling sampling) {
        return new NoiseSchedule(cumulated(schedule.betas(start, end, steps)), type, sampling);
    }

    /** Stable Diffusion's: scaled linear from 0.00085 to 0.012 in 1000 steps. */
    public static NoiseSchedule stableDiffusion(PredictionType type) {
        return of(BetaSchedule.SCALED_LINEAR, 0.00085, 0.012, 1000, type, Sampling.STABLE_DIFFUSION);
    }

    /**
     * Reads a {@code scheduler_config.json}. Whatever sampler it names, the noise is the same; a model is not bound to it.
     *
     * @throws io.aquatint.diffusion.checkpoint.UnsupportedModelException for a setting that is not implemented
     */
    public static NoiseSchedule of(ModelConfig config) {
        config.supports("thresholding", false);
        config.supportsNo("trained_betas");
        if (config.has("variance_type") && !config.text("variance_type", "").startsWith("fixed_")) {
            throw config.unsupported("variance_type"); // those of networks that predict it
        }
        if (config.text("_class_name", "").startsWith("FlowMatch")) {
            throw config.unsupported("_class_name");
        }
        BetaSchedule betas = choice(config, "beta_schedule", BetaSchedule.class, "linear");
        PredictionType type = choice(config, "prediction_type", PredictionType.class, "epsilon");
        int steps = config.integer("num_train_timesteps", 1000);
        if (steps < 1 || steps > MOST_STEPS) {
            throw config.unsupported("num_train_timesteps");
        }
        double start = config.number("beta_start", 0.0001);
        double end = config.number("beta_end", 0.02);
        if (!(start > 0 && start < 1)) {
            throw config.unsupported("beta_start");
        }
        if (!(end > 0 && end < 1)) {
            throw config.unsupported("beta_end");
        }
        int offset = config.integer("steps_offset", 0);
        if (offset < 0) {
            throw config.unsupported("steps_offset");
        }
        float[] alphas = cumulated(betas.betas(start, end, steps));
        if (config.flag("rescale_betas_zero_snr", false)) {
            alphas = withoutSignalAtTheEnd(alphas);
        }
        // what diffusers' classes take for absent keys
        boolean ddim = config.text("_class_name", "DDIMScheduler").equals("DDIMScheduler");
        boolean clip = config.flag("clip_sample", ddim);
        Sampling sampling = new Sampling(
                choice(config, "timestep_spacing", TimestepSpacing.class, "leading"),
                offset,
                config.flag("set_alpha_to_one", ddim),
                clip ? config.number("clip_sample_range", 1) : Double.POSITIVE_INFINITY);
        return new NoiseSchedule(alphas, type, sampling);
    }

    private static <E extends Enum<E>> E choice(ModelConfig config, String key, Class<E> choices, String otherwise) {
        String value = config.text(key, otherwise);
        for (E choice : choices.getEnumConstants()) {
            if (choice.name().toLowerCase(Locale.ROOT).equals(value)) {
                return choice;
            }
        }
        throw config.unsupported(key);
    }

    private static float[] cumulated(float[] betas) {
        float[] alphas = new float[betas.length];
        double product = 1;
        for (int i = 0; i < betas.length; i++) {
            product *= 1f - betas[i];
            alphas[i] = (float) product;
        }
        return alphas;
    }

    /** Lin et al., Common Diffusion Noise Schedules Are Flawed (2024), algorithm 1. */
    private static float[] withoutSignalAtTheEnd(float[] alphas) {
        double first = Math.sqrt(alphas[0]);
        double last = Math.sqrt(alphas[alphas.length - 1]);
        float[] rescaled = new float[alphas.length];
        for (int i = 0; i < alphas.length; i++) {
            double signal = (Math.sqrt(alphas[i]) - last) * first / (first - last);
            rescaled[i] = (float) (signal * signal);
        }
        return rescaled;
    }

    /** ᾱ of each timestep. */
    public float[] alphasCumprod() {
        return alphasCumprod.clone();
    }

    /** The number of training timesteps. */
    public int steps() {
        return alphasCumprod.length;
    }

    public PredictionType predictionType() {
        return predictionType;
    }

    public Sampling sampling() {
        return sampling;
    }

    double alphaCumprod(int timestep) {
        return alphasCumprod[timestep];
    }

    /** √ᾱ. */
    public double signal(int timestep) {
        return Math.sqrt(alphaCumprod(timestep));
    }

    /** √(1 − ᾱ). */
    public double noise(int timestep) {
        return Math.sqrt(1 - alphaCumprod(timestep));
    }

    /** ᾱ / (1 − ᾱ), the signal-to-noise ratio. */
    public double snr(int timestep) {
        return alphaCumprod(timestep) / (1 - alphaCumprod(timestep));
    }

    /** A training target is {@code targetFromClean · clean + targetFromNoise · ε}. */
    public double targetFromClean(int timestep) {
        return switch (predictionType) {
            case EPSILON -> 0;
            case V_PREDICTION -> -noise(timestep);
            case SAMPLE -> 1;
        };
    }

    /** @see #targetFromClean(int) */
    public double targetFromNoise(int timestep) {
        return switch (predictionType) {
            case EPSILON -> 1;
            case V_PREDICTION -> signal(timestep);
            case SAMPLE -> 0;
        };
    }

    /** The weight of a loss with min-SNR-γ (Hang et al., 2023). */
    public double minSnrWeight(int timestep, double gamma) {
        double snr = snr(timestep);
        double clamped = Math.min(snr, gamma);
        return switch (predictionType) {
            case EPSILON -> Math.min(1, gamma / snr); // 1 where there is no signal at all
            case V_PREDICTION -> clamped / (snr + 1);
            case SAMPLE -> clamped;
        };
    }

    /** {@code signal · clean + noise · ε}. */
    public float[] addNoise(float[] clean, float[] epsilon, int timestep) {
        return Combination.of(signal(timestep), clean, noise(timestep), epsilon);
    }

    /** {@code signal · ε − noise · clean}. */
    public float[] velocity(float[] clean, float[] epsilon, int timestep) {
        return Combination.of(signal(timestep), epsilon, -noise(timestep), clean);
    }
}
