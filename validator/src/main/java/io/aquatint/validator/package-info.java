/** Checkpoints in; samples, scores and alerts out. */
@NullMarked
package io.aquatint.validator;

import org.jspecify.annotations.NullMarked;
