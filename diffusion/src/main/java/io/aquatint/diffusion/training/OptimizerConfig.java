package io.aquatint.diffusion.training;

/**
 * AdamW (Loshchilov and Hutter 2017) with clipping of the gradient's norm.
 *
 * @param maxGradientNorm gradients with a larger L2 norm are scaled down to it
 */
public record OptimizerConfig(double beta1, double beta2, double epsilon, double weightDecay, double maxGradientNorm) {
    /** What diffusers' scripts use. */
    public static final OptimizerConfig DEFAULT = new OptimizerConfig(0.9, 0.999, 1e-8, 1e-2, 1.0);
}
