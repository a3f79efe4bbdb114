package io.aquatint.trainer;

import io.aquatint.events.ManifestImage;
import java.util.Comparator;
import java.util.List;

/** The fixed part of the training pictures whose loss is compared with that of the held-out ones. */
public final class TrainSubset {
    private TrainSubset() {}

    /**
     * As many pictures as are held out, those with the lowest content hashes: the same for the same manifest, whatever its order.
     */
    public static List<ManifestImage> of(List<ManifestImage> images, int heldOut) {
        return images.stream()
                .sorted(Comparator.comparing(ManifestImage::sha256))
                .limit(heldOut)
                .toList();
    }
}
