package io.aquatint.trainer;

import io.aquatint.events.Event;
import io.aquatint.events.TrainingEvent;

/** Where a job's events go; it returns when they are kept. */
@FunctionalInterface
interface EventSink {
    void publish(Event<TrainingEvent> event);
}
