/** Text to image. */
@NullMarked
package io.aquatint.diffusion.pipeline;

import org.jspecify.annotations.NullMarked;
