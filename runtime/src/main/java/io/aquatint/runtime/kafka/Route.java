package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.Topic;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What becomes of the events of a topic. */
record Route<T>(Topic<T> topic, Predicate<T> passable, EventLoop.Preparation<T> preparation) {
    static <T> Route<T> of(Topic<T> topic, EventLoop.Handler<T> handler) {
        return new Route<>(topic, data -> false, event -> () -> handler.handle(event));
    }

    /** Reads the event and hands it on. */
    void handle(ConsumerRecord<String, byte[]> record) throws Exception {
        Event<T> event = topic.read(record);
        if (event != null) {
            preparation.prepare(event).take();
        }
    }

    /** Reads the event; a tombstone is none. */
    PreparedRecords.Step step(ConsumerRecord<String, byte[]> record) {
        Event<T> event;
        try {
            event = topic.read(record);
        } catch (RuntimeException e) {
            return new PreparedRecords.Step(record, true, () -> {
                throw e;
            });
        }
        return event == null
                ? PreparedRecords.Step.nothing(record)
                : new PreparedRecords.Step(record, passable.test(event.data()), () -> preparation.prepare(event));
    }
}
