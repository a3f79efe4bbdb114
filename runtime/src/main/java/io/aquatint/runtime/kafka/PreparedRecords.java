package io.aquatint.runtime.kafka;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Records of one partition, of which several may be prepared at once; their turns are taken in their order. */
final class PreparedRecords {
    private final TopicPartition partition;
    private final Deque<ConsumerRecord<String, byte[]>> waiting;
    private final Deque<Step> begun = new ArrayDeque<>();
    private final Map<String, Route<?>> routes;
    private final Executor workers;

    /**
     * One record.
     *
     * @param passable whether those behind it may be prepared before its turn was taken
     */
    record Step(ConsumerRecord<String, byte[]> record, boolean passable, FutureTask<EventLoop.Turn> preparation) {
        Step(ConsumerRecord<String, byte[]> record, boolean passable, Callable<EventLoop.Turn> preparation) {
            this(record, passable, new FutureTask<>(preparation));
        }

        static Step nothing(ConsumerRecord<String, byte[]> record) {
            return new Step(record, true, () -> () -> {});
        }
    }

    PreparedRecords(
            TopicPartition partition,
            Collection<ConsumerRecord<String, byte[]>> records,
            Map<String, Route<?>> routes,
            Executor workers) {
        this.partition = partition;
        this.waiting = new ArrayDeque<>(records);
        this.routes = routes;
        this.workers = workers;
    }

    TopicPartition partition() {
        return partition;
    }

    /** Begins to prepare all up to one that those behind it wait for. */
    void prepare() {
        while (!waiting.isEmpty() && (begun.isEmpty() || begun.getLast().passable())) {
            ConsumerRecord<String, byte[]> record = waiting.remove();
            Route<?> route = routes.get(record.topic());
            Step step = route == null ? Step.nothing(record) : route.step(record);
            begun.add(step);
            workers.execute(step.preparation());
        }
    }

    boolean hasNext() {
        return !begun.isEmpty();
    }

    ConsumerRecord<String, byte[]> next() {
        return begun.element().record();
    }

    /** Waits until the next record is prepared and does the rest. */
    void takeTurn() throws Exception {
        Step step = begun.remove();
        EventLoop.Turn turn;
        try {
            turn = step.preparation().get();
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof Error error) {
                throw error;
            }
            throw cause instanceof Exception exception ? exception : e;
        }
        turn.take();
    }

    /** Lets go of what was not begun to be prepared. */
    void cancel() {
        begun.forEach(step -> step.preparation().cancel(false));
    }
}
