/** What UNet and autoencoder have in common. */
@NullMarked
package io.aquatint.diffusion.resnet;

import org.jspecify.annotations.NullMarked;
