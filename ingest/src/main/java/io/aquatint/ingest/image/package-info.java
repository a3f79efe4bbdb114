/** Pictures: what may come in, and how it is cropped, resized and measured. */
@NullMarked
package io.aquatint.ingest.image;

import org.jspecify.annotations.NullMarked;
