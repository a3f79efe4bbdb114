/** Services, their health, metrics and HTTP server. */
@NullMarked
package io.aquatint.runtime.lifecycle;

import org.jspecify.annotations.NullMarked;
