/** Configuration, lifecycle, health and metrics, object store, Kafka wiring. */
@NullMarked
package io.aquatint.runtime;

import org.jspecify.annotations.NullMarked;
