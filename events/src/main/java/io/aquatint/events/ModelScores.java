package io.aquatint.events;

/** The validation scores of the chosen checkpoint; 1 is the base model. */
public record ModelScores(int step, double heldOut, double trainSubset) {}
