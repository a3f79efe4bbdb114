package io.aquatint.diffusion.training;

import java.util.Arrays;
import java.util.Optional;

/**
 * AdamW (Loshchilov and Hutter 2017) with clipping of the gradient's norm.
 *
 * @param maxGradientNorm gradients with a larger L2 norm are scaled down to it; infinite for no clipping
 */
public record OptimizerConfig(
        Kind kind, double beta1, double beta2, double epsilon, double weightDecay, double maxGradientNorm) {
    /** What diffusers' scripts use. */
    public static final OptimizerConfig DEFAULT = new OptimizerConfig(Kind.ADAMW, 0.9, 0.999, 1e-8, 1e-2, 1.0);

    /** How the running means are kept. */
    public enum Kind {
        /** In float32: eight bytes a parameter. */
        ADAMW("adamw"),
        /** In eight bits, each block of 256 scaled by its largest (Dettmers et al. 2021): two bytes a parameter. */
        ADAMW_8BIT("adamw8bit");

        private final String flag;

        Kind(String flag) {
            this.flag = flag;
        }

        /** The name on a command line. */
        public String flag() {
            return flag;
        }

        public static Optional<Kind> named(String flag) {
            return Arrays.stream(values())
                    .filter(kind -> kind.flag.equals(flag))
                    .findFirst();
        }
    }

    public OptimizerConfig {
        if (!(maxGradientNorm > 0)) {
            throw new IllegalArgumentException("the gradient's largest norm is " + maxGradientNorm + ", not above 0");
        }
    }

    public OptimizerConfig withKind(Kind other) {
        return new OptimizerConfig(other, beta1, beta2, epsilon, weightDecay, maxGradientNorm);
    }

    public OptimizerConfig withMaxGradientNorm(double norm) {
        return new OptimizerConfig(kind, beta1, beta2, epsilon, weightDecay, norm);
    }
}
