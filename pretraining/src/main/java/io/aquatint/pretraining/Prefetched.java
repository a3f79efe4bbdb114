package io.aquatint.pretraining;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;

/** The things of steps one after another, made on other cores before they are asked for. */
final class Prefetched<T> implements AutoCloseable {
    private final ExecutorService threads;
    private final IntFunction<T> make;
    private final Deque<Future<T>> ahead = new ArrayDeque<>();
    private int next;

    /** @param first the number of the first */
    Prefetched(int first, IntFunction<T> make) {
        int count = Math.max(1, Runtime.getRuntime().availableProcessors() - 2);
        this.threads = Executors.newFixedThreadPool(count, task -> {
            Thread thread = new Thread(task, "prefetch");
            thread.setDaemon(true);
            return thread;
        });
        this.make = make;
        this.next = first;
        for (int i = 0; i < count + 2; i++) {
            submit();
        }
    }

    private void submit() {
        int number = next++;
        ahead.add(threads.submit(() -> make.apply(number)));
    }

    T take() throws InterruptedException {
        submit();
        try {
            return ahead.remove().get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
