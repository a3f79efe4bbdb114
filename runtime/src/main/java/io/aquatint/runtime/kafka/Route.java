package io.aquatint.runtime.kafka;

import io.aquatint.events.Event;
import io.aquatint.events.Topic;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What becomes of the events of a topic. */
record Route<T>(Topic<T> topic, EventLoop.Handler<T> handler) {
    /** Reads the event and hands it on; a tombstone is none. */
    void handle(ConsumerRecord<String, byte[]> record) throws Exception {
        Event<T> event = topic.read(record);
        if (event != null) {
            handler.handle(event);
        }
    }
}
