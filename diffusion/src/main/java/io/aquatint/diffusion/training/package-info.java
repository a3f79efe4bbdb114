/** Training runs. */
@NullMarked
package io.aquatint.diffusion.training;

import org.jspecify.annotations.NullMarked;
