package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.CheckpointSaved;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a job takes of the memory outside Java's heap, and gives back. */
class TrainingJobMemoryTest extends TrainingJobFixture {
    @Test
    void nativeMemoryIsAsBeforeWhenAJobIsDone() {
        run(request(2));
        int before = liveArrays();
        startAnew();
        onEvent = event -> leaveOff |= event instanceof CheckpointSaved;

        run(request(200));

        assertThat(liveArrays()).isEqualTo(before);
        try (var left = Files.list(work.resolve("scratch"))) {
            assertThat(left).isEmpty();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void nativeMemoryIsFlatOverTwoHundredSteps() throws IOException {
        List<Integer> live = new ArrayList<>();
        onEvent = event -> {
            if (event instanceof CheckpointSaved) {
                live.add(liveArrays());
            }
        };

        run(request(spec(Map.of("steps", 200, "checkpointEvery", 20))));

        assertThat(live).hasSize(10).containsOnly(live.get(0));
        assertThat(residentBytes()).isLessThan(2_500_000_000L);
    }
}
