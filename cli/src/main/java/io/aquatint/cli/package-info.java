/** The launcher. */
@NullMarked
package io.aquatint.cli;

import org.jspecify.annotations.NullMarked;
