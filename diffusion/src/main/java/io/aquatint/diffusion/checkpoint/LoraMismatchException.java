package io.aquatint.diffusion.checkpoint;

import java.util.Collection;
import java.util.List;

/** An adapter that does not fit a base model, with every reason; the message has the first of many. */
public final class LoraMismatchException extends CheckpointException {
    private static final long serialVersionUID = 1L;

    private final List<String> problems;

    LoraMismatchException(String base, List<String> problems) {
        super("the adapter does not fit " + base + ": " + Problems.summary(problems));
        this.problems = List.copyOf(problems);
    }

    /** An adapter that does not fit another. */
    public LoraMismatchException(String adapter, String other, List<String> problems) {
        super(adapter + " does not fit " + other + ": " + Problems.summary(problems));
        this.problems = List.copyOf(problems);
    }

    LoraMismatchException(String name, ModelSource base, Collection<LoraWeights> adapters, List<String> problems) {
        super(name + " does not fit " + base.path() + otherFamily(base, adapters) + ": " + Problems.summary(problems));
        this.problems = List.copyOf(problems);
    }

    private static String otherFamily(ModelSource base, Collection<LoraWeights> adapters) {
        return LoraArchitecture.of(adapters)
                .filter(architecture -> architecture != base.architecture())
                .map(architecture -> ", which is %s; its layers are those of %s"
                        .formatted(base.architecture().title(), architecture.title()))
                .orElse("");
    }

    /** All of them. */
    public List<String> problems() {
        return problems;
    }
}
