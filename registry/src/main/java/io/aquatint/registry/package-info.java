/** Model versions, lineage, REST, model events. */
@NullMarked
package io.aquatint.registry;

import org.jspecify.annotations.NullMarked;
