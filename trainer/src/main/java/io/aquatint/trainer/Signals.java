package io.aquatint.trainer;

import java.util.Map;

/** What a job looks at between its steps. */
interface Signals {
    /** Whether another trainer may have the job by now, or this one is to end. */
    boolean leaveOff();

    /** Whether somebody said that this training is to stop where it is. */
    boolean stopped(String trainingId);

    /** The held-out scores of a training so far, by step; 0 is the base model. */
    Map<Integer, Double> scores(String trainingId);
}
