/** The noise schedule, samplers and learning-rate schedules. */
@NullMarked
package io.aquatint.diffusion.scheduler;

import org.jspecify.annotations.NullMarked;
