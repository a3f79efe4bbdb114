/** The launcher: demo, up, upload, watch, prepare, parity. */
@NullMarked
package io.aquatint.cli;

import org.jspecify.annotations.NullMarked;
