/** Comparison with reference results. */
@NullMarked
package io.aquatint.diffusion.parity;

import org.jspecify.annotations.NullMarked;
