/** Kafka: publishing, consuming with a failure policy, work queues on share groups. */
@NullMarked
package io.aquatint.runtime.kafka;

import org.jspecify.annotations.NullMarked;
