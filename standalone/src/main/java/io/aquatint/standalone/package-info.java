/** Broker, object store and all services in one JVM. */
@NullMarked
package io.aquatint.standalone;

import org.jspecify.annotations.NullMarked;
