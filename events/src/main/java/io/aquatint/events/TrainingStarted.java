package io.aquatint.events;

import java.util.List;

/** A trainer took the job; {@code startStep} is above 0 when it resumes. {@code trainSubset} is the fixed part of the training pictures that the validator compares with. */
@EventType("training.started")
public record TrainingStarted(
        String trainingId,
        String dataset,
        int batch,
        TrainingSpec spec,
        int startStep,
        int steps,
        int epoch,
        String worker,
        String device,
        int images,
        List<ManifestImage> heldOut,
        List<ManifestImage> trainSubset)
        implements TrainingEvent {
    public TrainingStarted {
        heldOut = List.copyOf(heldOut);
        trainSubset = List.copyOf(trainSubset);
    }
}
