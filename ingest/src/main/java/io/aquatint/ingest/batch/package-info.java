/** The batcher: accepted pictures in; training requests out, exactly once. */
@NullMarked
package io.aquatint.ingest.batch;

import org.jspecify.annotations.NullMarked;
