/** Uploads in; cropped, checked pictures and verdicts out; the batcher. */
@NullMarked
package io.aquatint.ingest;

import org.jspecify.annotations.NullMarked;
