package io.aquatint.diffusion.scheduler;

/** How few sampling timesteps are chosen among the training ones. */
public enum TimestepSpacing {
    LEADING,
    LINSPACE,
    TRAILING
}
