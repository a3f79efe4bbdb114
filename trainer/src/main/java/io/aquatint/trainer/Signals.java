package io.aquatint.trainer;

/** What a job looks at between its steps. */
interface Signals {
    /** Whether another trainer may have the job by now, or this one is to end. */
    boolean leaveOff();

    /** Whether somebody said that this training is to stop where it is. */
    boolean stopped(String trainingId);
}
