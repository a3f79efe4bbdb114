/** The object store: an S3 one and one in memory. */
@NullMarked
package io.aquatint.runtime.store;

import org.jspecify.annotations.NullMarked;
