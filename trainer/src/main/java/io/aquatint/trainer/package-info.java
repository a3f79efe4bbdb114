/** Requests in; checkpoints and progress out. */
@NullMarked
package io.aquatint.trainer;

import org.jspecify.annotations.NullMarked;
