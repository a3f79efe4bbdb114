package io.aquatint.ingest.batch;

import io.aquatint.events.TrainingSpec;
import java.util.List;

/**
 * What the batcher knows of a data set, besides its pictures.
 *
 * @param batch the number of the open batch; the first is 1
 * @param images all accepted pictures, of all batches, without class pictures
 * @param newImages the pictures of the open batch
 * @param manifestBytes what the pictures take in a training request
 * @param lastArrivalMillis when the last new picture came, in milliseconds since 1970
 * @param heldOut the content hashes of the validator's pictures, chosen when the first batch completes; empty before
 */
record DatasetState(
        TrainingSpec spec,
        int batch,
        int images,
        int newImages,
        long manifestBytes,
        long lastArrivalMillis,
        List<String> heldOut) {
    /** A request has to fit into one record of 8 MiB, with its spec. */
    private static final long LARGEST_MANIFEST = 7L << 20;

    DatasetState {
        heldOut = List.copyOf(heldOut);
    }

    static DatasetState initial() {
        return new DatasetState(TrainingSpec.defaults(), 1, 0, 0, 0, 0, List.of());
    }

    DatasetState withSpec(TrainingSpec other) {
        return new DatasetState(other, batch, images, newImages, manifestBytes, lastArrivalMillis, heldOut);
    }

    DatasetState withNewImage(int bytes, long nowMillis) {
        return new DatasetState(spec, batch, images + 1, newImages + 1, manifestBytes + bytes, nowMillis, heldOut);
    }

    DatasetState withClassImage(int bytes, long nowMillis) {
        return new DatasetState(spec, batch, images, newImages, manifestBytes + bytes, nowMillis, heldOut);
    }

    DatasetState nextBatch(List<String> chosen) {
        return new DatasetState(spec, batch + 1, images, 0, manifestBytes, lastArrivalMillis, chosen);
    }

    /** Whether a request can name one more picture. */
    boolean hasRoomFor(int bytes) {
        return manifestBytes + bytes <= LARGEST_MANIFEST;
    }

    boolean hasMinimum() {
        return newImages >= Math.max(1, spec.minimumImages());
    }

    boolean isFull() {
        return newImages >= Math.max(1, spec.imagesPerBatch());
    }

    boolean isQuiet(long nowMillis) {
        return nowMillis - lastArrivalMillis >= spec.quietSeconds() * 1000L;
    }
}
