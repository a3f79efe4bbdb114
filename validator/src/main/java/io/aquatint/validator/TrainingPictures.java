package io.aquatint.validator;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.ManifestImage;
import io.aquatint.runtime.kafka.PermanentException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;

/** The pictures of a manifest. */
final class TrainingPictures {
    private TrainingPictures() {}

    /**
     * Fetches a picture.
     *
     * @throws PermanentException if it is not what the manifest says
     */
    static Picture fetch(ObjectStore store, ManifestImage image) {
        byte[] file = store.get(image.objectKey());
        String found = Sha256.of(file);
        if (!found.equals(image.sha256())) {
            throw new PermanentException("the picture '%s' has the SHA-256 %s, not the manifest's %s"
                    .formatted(image.objectKey(), found, image.sha256()));
        }
        try {
            return Picture.decode(file);
        } catch (IllegalArgumentException e) {
            throw new PermanentException("the picture '%s' cannot be read".formatted(image.objectKey()), e);
        }
    }
}
