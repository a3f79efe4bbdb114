/** Latent diffusion models and their training. No Kafka, no HTTP, no object store. */
@NullMarked
package io.aquatint.diffusion;

import org.jspecify.annotations.NullMarked;
