package io.aquatint.registry;

import io.aquatint.events.ModelCheckpoint;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingRequested;

/**
 * A version that is to be made.
 *
 * @param chosen the checkpoint that it will be
 * @param version all of it but its files
 */
record Draft(TrainingRequested request, ModelCheckpoint chosen, ModelVersion version) {}
