/** How fast this library is beside diffusers, on models of full size. */
@NullMarked
package io.aquatint.diffusion.benchmark;

import org.jspecify.annotations.NullMarked;
