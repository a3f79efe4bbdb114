package io.aquatint.events;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A batch is to be trained. {@code images} are trained on, {@code heldOut} never are; {@code classImages} are a person's own, beside which the base model draws those that are missing. */
@EventType("training.requested")
public record TrainingRequested(
        String trainingId,
        String dataset,
        int batch,
        TrainingSpec spec,
        List<ManifestImage> images,
        List<ManifestImage> heldOut,
        @Nullable List<ManifestImage> classImages)
        implements TrainingRequest {
    public TrainingRequested {
        images = List.copyOf(images);
        heldOut = List.copyOf(heldOut);
        classImages = classImages == null || classImages.isEmpty() ? null : List.copyOf(classImages);
    }

    public TrainingRequested(
            String trainingId,
            String dataset,
            int batch,
            TrainingSpec spec,
            List<ManifestImage> images,
            List<ManifestImage> heldOut) {
        this(trainingId, dataset, batch, spec, images, heldOut, null);
    }

    /** The class pictures that a person gave; empty where there are none. */
    public List<ManifestImage> ownClassImages() {
        return classImages == null ? List.of() : classImages;
    }
}
