package io.aquatint.events;

import java.util.List;

/**
 * A data set's spec or name was refused, or a picture beyond what one training can be asked for. What was before stays in force.
 * {@code problems} are sentences.
 */
@EventType("dataset.rejected")
public record DatasetRejected(String dataset, List<String> problems) implements DatasetEvent {
    public DatasetRejected {
        problems = List.copyOf(problems);
    }
}
