package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.Topic;
import io.aquatint.runtime.kafka.EventTail;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** All events of one type, from the beginning of their topic. */
record Seen<E>(List<E> events, EventTail tail) implements AutoCloseable {
    static <T, E extends T> Seen<E> of(Standalone standalone, Topic<T> topic, Class<E> type) {
        var events = new CopyOnWriteArrayList<E>();
        var tail = new EventTail(standalone.kafka(), "seen").on(topic, event -> {
            if (type.isInstance(event.data())) {
                events.add(type.cast(event.data()));
            }
        });
        tail.start();
        return new Seen<>(events, tail);
    }

    List<E> await(int count) throws InterruptedException {
        return await(seen -> seen.size() >= count);
    }

    List<E> await(Predicate<List<E>> enough) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!enough.test(events)) {
            assertThat(System.nanoTime())
                    .as("two minutes passed; seen: %s", events)
                    .isLessThan(end);
            TimeUnit.MILLISECONDS.sleep(50);
        }
        return List.copyOf(events);
    }

    @Override
    public void close() {
        tail.close();
    }
}
