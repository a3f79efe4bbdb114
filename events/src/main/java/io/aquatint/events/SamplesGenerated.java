package io.aquatint.events;

import java.util.List;

/** Sample pictures of a checkpoint. */
@EventType("samples.generated")
public record SamplesGenerated(String trainingId, int step, List<Sample> samples) implements ValidationEvent {
    public SamplesGenerated {
        samples = List.copyOf(samples);
    }
}
