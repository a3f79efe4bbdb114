package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.Event;
import io.aquatint.events.Topic;
import io.aquatint.runtime.kafka.EventTail;
import io.aquatint.runtime.kafka.Kafka;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The events of some data sets alone: the topics are shared by all tests of a class. */
final class Heard implements AutoCloseable {
    private final BlockingQueue<Event<?>> events = new LinkedBlockingQueue<>();
    private final List<String> datasets;
    private final EventTail tail;

    Heard(Kafka kafka, List<Topic<?>> topics, String... datasets) {
        this.datasets = List.of(datasets);
        this.tail = new EventTail(kafka, "test");
        topics.forEach(this::follow);
        tail.start();
    }

    private <T> void follow(Topic<T> topic) {
        tail.on(topic, event -> {
            if (datasets.stream().anyMatch(dataset -> event.id().contains(":" + dataset + "/"))) {
                events.add(event);
            }
        });
    }

    Event<?> next() throws InterruptedException {
        Event<?> event = events.poll(120, TimeUnit.SECONDS);
        assertThat(event).as("nothing came in two minutes").isNotNull();
        return event;
    }

    /** The data of the next event of a type; those before it are passed over. */
    <E> E next(Class<E> type) throws InterruptedException {
        Object data = next().data();
        while (!type.isInstance(data)) {
            data = next().data();
        }
        return type.cast(data);
    }

    /** What came and was not asked for. */
    List<Event<?>> rest() {
        return List.copyOf(events);
    }

    @Override
    public void close() {
        tail.close();
    }
}
