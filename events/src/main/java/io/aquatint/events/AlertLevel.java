package io.aquatint.events;

/** How bad it is. */
public enum AlertLevel {
    WARNING,
    CRITICAL
}
