package io.aquatint.events;

import java.util.List;

/** A batch is to be trained. {@code images} are trained on, {@code heldOut} never are. */
@EventType("training.requested")
public record TrainingRequested(
        String trainingId,
        String dataset,
        int batch,
        TrainingSpec spec,
        List<ManifestImage> images,
        List<ManifestImage> heldOut)
        implements TrainingRequest {
    public TrainingRequested {
        images = List.copyOf(images);
        heldOut = List.copyOf(heldOut);
    }
}
