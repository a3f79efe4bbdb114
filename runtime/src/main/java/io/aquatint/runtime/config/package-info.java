/** Configuration read from flags, environment and a properties file into records. */
@NullMarked
package io.aquatint.runtime.config;

import org.jspecify.annotations.NullMarked;
