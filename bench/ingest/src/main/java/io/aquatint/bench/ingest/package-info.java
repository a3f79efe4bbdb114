/** Measures ingest beside other tools. */
@NullMarked
package io.aquatint.bench.ingest;

import org.jspecify.annotations.NullMarked;
