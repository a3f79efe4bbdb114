package io.aquatint.trainer;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet.Size;
import io.aquatint.events.FailureReason;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/** Brings the pictures of a manifest, and no others: what was stored under a key is held against its content hash. */
final class Pictures {
    private final ObjectStore store;

    Pictures(ObjectStore store) {
        this.store = store;
    }

    /**
     * The pictures to train on, in the manifest's order.
     *
     * @throws TrainingFailedException naming the first picture that is not as the manifest says
     */
    List<TrainingExample> of(TrainingRequested request) {
        return request.images().stream()
                .map(image -> example(image, request.spec()))
                .toList();
    }

    /**
     * A person's own class pictures.
     *
     * @param fitting of shapes that pictures to train on have, as many as are wanted at most
     * @param leftOut the shapes of those that no picture to train on could share a batch with, one for each
     */
    record OfClass(List<TrainingExample> fitting, List<Size> leftOut) {}

    /**
     * A person's own class pictures, read until there are as many as are wanted.
     *
     * @param instances the pictures to train on
     * @throws TrainingFailedException naming the first picture that is not as the manifest says
     */
    OfClass ofClass(TrainingRequested request, List<TrainingExample> instances) {
        TrainingSpec spec = request.spec();
        String caption = Objects.requireNonNull(spec.classCaption(), "a training without class pictures");
        Set<Size> sizes = instances.stream().map(Size::of).collect(Collectors.toSet());
        List<TrainingExample> fitting = new ArrayList<>();
        List<Size> leftOut = new ArrayList<>();
        for (ManifestImage image : request.ownClassImages()) {
            if (fitting.size() == spec.numClassImages()) {
                break;
            }
            TrainingExample example = example(image, spec);
            Size size = Size.of(example);
            if (sizes.contains(size)) {
                fitting.add(new TrainingExample(example.id(), example.picture(), caption));
            } else {
                leftOut.add(size);
            }
        }
        return new OfClass(fitting, leftOut);
    }

    private TrainingExample example(ManifestImage image, TrainingSpec spec) {
        int side = spec.resolution();
        byte[] bytes;
        try {
            bytes = store.get(image.objectKey());
        } catch (ObjectMissingException e) {
            throw new TrainingFailedException(
                    FailureReason.IMAGE_MISSING,
                    "picture %s is not at '%s'".formatted(image.sha256(), image.objectKey()),
                    e);
        }
        String found = Sha256.of(bytes);
        if (!found.equals(image.sha256())) {
            throw new TrainingFailedException(
                    FailureReason.IMAGE_MISSING,
                    "picture %s is not at '%s': what is there has the SHA-256 %s"
                            .formatted(image.sha256(), image.objectKey(), found));
        }
        Picture picture;
        try {
            picture = Picture.decode(bytes);
        } catch (IllegalArgumentException e) {
            throw new TrainingFailedException(
                    FailureReason.IMAGE_MISSING,
                    "picture %s at '%s' cannot be read: %s"
                            .formatted(image.sha256(), image.objectKey(), e.getMessage()),
                    e);
        }
        if (!spec.aspectRatioBuckets() && (picture.width() != side || picture.height() != side)) {
            throw new TrainingFailedException(
                    FailureReason.BAD_SPEC,
                    "resolution is %d, but picture %s was prepared as %d x %d: keep that resolution, or upload the pictures again"
                            .formatted(side, image.sha256(), picture.width(), picture.height()));
        }
        return new TrainingExample(image.sha256(), picture, spec.captionOf(image));
    }
}
