/** The denoising network. */
@NullMarked
package io.aquatint.diffusion.unet;

import org.jspecify.annotations.NullMarked;
