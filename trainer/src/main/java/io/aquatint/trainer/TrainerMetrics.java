package io.aquatint.trainer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.util.Locale;

/** What an operator sees of a trainer. */
final class TrainerMetrics {
    private final MeterRegistry registry;
    private final Counter steps;
    private final Timer step;
    private final Counter checkpoints;

    TrainerMetrics(MeterRegistry registry) {
        this.registry = registry;
        this.steps = Counter.builder("aquatint.training.steps")
                .description("steps that were trained")
                .register(registry);
        this.step = Timer.builder("aquatint.training.step")
                .description("the time that a step takes")
                .register(registry);
        this.checkpoints = Counter.builder("aquatint.training.checkpoints")
                .description("checkpoints that were stored")
                .register(registry);
    }

    Timer step() {
        return step;
    }

    void stepDone() {
        steps.increment();
    }

    void checkpointSaved() {
        checkpoints.increment();
    }

    void jobEnded(TrainingJob.End end) {
        Counter.builder("aquatint.training.jobs")
                .description("jobs by how they ended")
                .tag("outcome", end.name().toLowerCase(Locale.ROOT))
                .register(registry)
                .increment();
    }
}
