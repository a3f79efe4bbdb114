package io.aquatint.events;

import org.jspecify.annotations.Nullable;

/** A rule of overfitting fired. */
@EventType("overfitting.alert")
public record OverfittingAlert(
        String trainingId,
        int step,
        AlertLevel level,
        AlertRule rule,
        double value,
        double threshold,
        String detail,
        String advice,
        @Nullable Integer bestStep)
        implements ValidationEvent {}
