package io.aquatint.diffusion.checkpoint;

import java.util.List;

/** An adapter that does not fit a base model, with every reason. */
public final class LoraMismatchException extends CheckpointException {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    LoraMismatchException(String base, List<String> problems) {
        super("the adapter does not fit " + base + ": " + String.join("; ", problems));
        this.problems = List.copyOf(problems);
    }

    public List<String> problems() {
        return problems;
    }
}
