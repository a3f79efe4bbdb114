package io.aquatint.events;

import java.util.List;

/** A data set's spec was refused; the one before stays in force. {@code problems} are sentences. */
@EventType("dataset.rejected")
public record DatasetRejected(String dataset, List<String> problems) implements DatasetEvent {
    public DatasetRejected {
        problems = List.copyOf(problems);
    }
}
