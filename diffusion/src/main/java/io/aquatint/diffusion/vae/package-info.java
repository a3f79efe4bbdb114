/** The autoencoder between pictures and latents. */
@NullMarked
package io.aquatint.diffusion.vae;

import org.jspecify.annotations.NullMarked;
