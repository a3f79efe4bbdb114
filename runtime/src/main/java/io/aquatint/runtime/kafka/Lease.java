package io.aquatint.runtime.kafka;

/** A worker's hold on its job. A worker looks at it between steps and leaves off when it is lost. */
public final class Lease {
    private volatile boolean lost;

    /** Whether another worker may have the job, or this one is to end. */
    public boolean lost() {
        return lost;
    }

    void lose() {
        lost = true;
    }
}
