/** The contract: topics, event records, serdes. */
@NullMarked
package io.aquatint.events;

import org.jspecify.annotations.NullMarked;
