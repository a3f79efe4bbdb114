/** Trains the small base model from scratch. */
@NullMarked
package io.aquatint.pretraining;

import org.jspecify.annotations.NullMarked;
