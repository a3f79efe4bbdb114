/** New models with random weights. */
@NullMarked
package io.aquatint.diffusion.initializer;

import org.jspecify.annotations.NullMarked;
