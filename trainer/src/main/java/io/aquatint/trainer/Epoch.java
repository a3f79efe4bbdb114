package io.aquatint.trainer;

import io.aquatint.events.EventJson;
import io.aquatint.runtime.store.ObjectStore;
import java.time.Instant;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A trainer's claim on a training. Acknowledging a job fences nobody off: after a broker's restart two trainers may hold one. The
 * claim does, because of many conditional puts of one key exactly one succeeds, and because epochs are claimed without a gap: an
 * epoch is current as long as nobody has claimed the next.
 */
final class Epoch {
    private static final String JSON = "application/json";

    private final ObjectStore store;
    private final TrainingKeys keys;
    private final int number;
    private final List<String> stored;
    private final Instant begun;

    /** What a claim says. */
    private record Claim(String worker, Instant claimedAt) {}

    private Epoch(ObjectStore store, TrainingKeys keys, int number) {
        this.store = store;
        this.keys = keys;
        this.number = number;
        this.stored = store.list(keys.epochs());
        int first = sinceFailure().min().orElse(number);
        this.begun = EventJson.read(store.get(keys.claim(first)), Claim.class).claimedAt();
    }

    /** Claims the next epoch. */
    static Epoch claim(ObjectStore store, TrainingKeys keys, String worker, Instant now) {
        byte[] claim = EventJson.write(new Claim(worker, now));
        int number =
                numbers(store.list(keys.epochs()), keys::epochOfClaim).max().orElse(0) + 1;
        while (!store.putIfAbsent(keys.claim(number), claim, JSON)) {
            number++;
        }
        return new Epoch(store, keys, number);
    }

    int number() {
        return number;
    }

    /** What all epochs had stored when this one was claimed. */
    List<String> stored() {
        return stored;
    }

    /** @throws StaleEpochException when somebody claimed a later epoch */
    void check() {
        if (store.stat(keys.claim(number + 1)).isPresent()) {
            throw new StaleEpochException("%s/%d".formatted(keys.dataset(), keys.batch()), number);
        }
    }

    /**
     * How often the training was begun, this time included. Epochs that were handed back do not count, nor do those up to one with
     * which the training failed for good: whoever requests it again begins anew. Unlike Kafka's delivery count it outlives the
     * broker.
     */
    int attempt() {
        Set<Integer> handedBack =
                numbers(stored, keys::epochOfHandedBack).boxed().collect(Collectors.toSet());
        return (int) sinceFailure().filter(n -> !handedBack.contains(n)).count();
    }

    /** When the first of the attempts began. */
    Instant begun() {
        return begun;
    }

    /** Notes that this epoch ended without a fault. */
    void handBack() {
        store.put(keys.handedBack(number), EventJson.write(new Object[0]), JSON);
    }

    /** Notes that the training failed for good. */
    void fail(Object event) {
        store.put(keys.failed(number), EventJson.write(event), JSON);
    }

    private IntStream sinceFailure() {
        int failed = numbers(stored, keys::epochOfFailed).max().orElse(0);
        return IntStream.rangeClosed(failed + 1, number);
    }

    private static IntStream numbers(List<String> stored, Function<String, OptionalInt> numberOf) {
        return stored.stream().map(numberOf).filter(OptionalInt::isPresent).mapToInt(OptionalInt::getAsInt);
    }
}
