package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.runtime.store.MemoryObjectStore;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EpochTest {
    private static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final TrainingKeys keys = new TrainingKeys("mugs", 2);

    @Test
    void ofEightTrainersThatClaimAtOnceEachGetsAnEpochAndOnlyOneIsCurrent() throws Exception {
        var together = new CyclicBarrier(8);
        List<Epoch> epochs = new ArrayList<>();
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<Epoch>> claims = IntStream.range(0, 8)
                    .mapToObj(i -> threads.submit(() -> {
                        together.await();
                        return Epoch.claim(store, keys, "trainer-" + i, NOON);
                    }))
                    .toList();
            for (Future<Epoch> claim : claims) {
                epochs.add(claim.get());
            }
        } finally {
            threads.shutdown();
        }

        assertThat(epochs).extracting(Epoch::number).containsExactlyInAnyOrder(1, 2, 3, 4, 5, 6, 7, 8);
        for (Epoch epoch : epochs) {
            if (epoch.number() == 8) {
                epoch.check();
            } else {
                assertThatThrownBy(epoch::check).isInstanceOf(StaleEpochException.class);
            }
        }
    }

    @Test
    void anEpochThatWasHandedBackIsNoAttempt() {
        claim().handBack();
        assertThat(claim().attempt()).isEqualTo(1);
        assertThat(claim().attempt()).isEqualTo(2);
        claim().handBack();
        assertThat(claim().attempt()).isEqualTo(3);
    }

    @Test
    void afterAFailureForGoodAttemptsAreCountedAnew() {
        claim();
        claim().fail("why");
        Epoch again = Epoch.claim(store, keys, "trainer", NOON.plusSeconds(60));
        assertThat(again.attempt()).isEqualTo(1);
        assertThat(again.number()).isEqualTo(3);
        assertThat(again.begun()).isEqualTo(NOON.plusSeconds(60));
    }

    @Test
    void trainingsDoNotTouchEachOther() {
        Epoch epoch = claim();
        Epoch other = Epoch.claim(store, new TrainingKeys("mugs", 22), "trainer", NOON);
        assertThat(other.number()).isEqualTo(1);
        epoch.check();
    }

    private Epoch claim() {
        return Epoch.claim(store, keys, "trainer", NOON);
    }
}
