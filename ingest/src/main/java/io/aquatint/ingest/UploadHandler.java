package io.aquatint.ingest;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.VerdictEvent;
import io.aquatint.ingest.image.ImagePreparer;
import io.aquatint.ingest.image.Limits;
import io.aquatint.ingest.image.Prepared;
import io.aquatint.ingest.image.RejectedImageException;
import io.aquatint.ingest.image.TargetSize;
import io.aquatint.runtime.store.ObjectInfo;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import java.net.URI;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Judges what upload apps send: a picture is prepared, stored and accepted, or refused with a reason; a data set's spec is checked
 * and kept. Uploading the same twice gives the same events again.
 */
final class UploadHandler {
    private static final Logger LOG = LoggerFactory.getLogger(UploadHandler.class);
    private static final String PROBE = "datasets/any/spec.json";
    private static final URI SOURCE = URI.create("/aquatint/ingest");

    private final ObjectStore store;
    private final SpecStore specs;
    private final RawUploads raw;
    private final Limits limits;
    private final Clock clock;
    private final Verdicts verdicts;

    /** Where the verdicts go. Each method returns when the event is safe. */
    interface Verdicts {
        void verdict(Event<VerdictEvent> event);

        void dataset(Event<DatasetEvent> event);
    }

    UploadHandler(ObjectStore store, SpecStore specs, Limits limits, Clock clock, Verdicts verdicts) {
        this.store = store;
        this.specs = specs;
        this.raw = new RawUploads(store);
        this.limits = limits;
        this.clock = clock;
        this.verdicts = verdicts;
    }

    /**
     * Looks at an upload event, for which pictures need not wait for one another, and judges its picture.
     *
     * @return what is to be done in the event's turn: to say what was found
     * @throws io.aquatint.runtime.store.ObjectStoreException when the store does not answer, here and later: worth another try
     */
    Runnable prepare(Event<UploadEvent> event) {
        UploadEvent upload = event.data();
        if (upload instanceof ImageUploaded image) {
            VerdictEvent verdict = judge(image);
            return () -> tell(event.id(), image, verdict);
        } else if (upload instanceof DatasetConfigured configured) {
            return () -> configure(event.id(), configured);
        }
        return () -> seal(event.id(), (DatasetSealed) upload);
    }

    private void tell(String id, ImageUploaded image, VerdictEvent verdict) {
        String type = verdict instanceof ImageAccepted ? "image.accepted:" : "image.rejected:";
        verdicts.verdict(event(type + id, verdict.dataset(), verdict));
        raw.delete(image, verdict);
    }

    private void seal(String id, DatasetSealed sealed) {
        if (DatasetId.isValid(sealed.dataset())) {
            verdicts.verdict(event(id, sealed.dataset(), sealed));
        } else {
            rejectDataset(id, sealed.dataset(), List.of(DatasetId.RULE));
        }
    }

    private void configure(String id, DatasetConfigured configured) {
        String dataset = configured.dataset();
        List<String> problems =
                DatasetId.isValid(dataset) ? specs.problems(dataset, configured.spec()) : List.of(DatasetId.RULE);
        if (!problems.isEmpty()) {
            rejectDataset(id, dataset, problems);
            return;
        }
        specs.put(dataset, configured.spec());
        verdicts.verdict(event(id, dataset, configured));
    }

    private void rejectDataset(String id, String dataset, List<String> problems) {
        verdicts.dataset(event("dataset.rejected:" + id, dataset, new DatasetRejected(dataset, problems)));
    }

    private VerdictEvent judge(ImageUploaded image) {
        @Nullable String sourceSha256 = image.sha256();
        try {
            byte[] bytes = bytesOf(image);
            sourceSha256 = Sha256.of(bytes);
            if (image.sha256() != null && !image.sha256().equalsIgnoreCase(sourceSha256)) {
                throw new RejectedImageException(
                        RejectionReason.HASH_MISMATCH,
                        "the bytes have the SHA-256 %s, not %s".formatted(sourceSha256, image.sha256()));
            }
            return accept(image, bytes, sourceSha256);
        } catch (RejectedImageException e) {
            return rejected(image, sourceSha256, e.reason(), e);
        } catch (ObjectMissingException e) {
            return raw.earlierVerdict(image)
                    .orElseGet(() -> rejected(image, image.sha256(), RejectionReason.OBJECT_MISSING, e));
        }
    }

    private static ImageRejected rejected(
            ImageUploaded image, @Nullable String sourceSha256, RejectionReason reason, RuntimeException why) {
        return new ImageRejected(
                image.dataset(), image.fileName(), sourceSha256, reason, String.valueOf(why.getMessage()));
    }

    private ImageAccepted accept(ImageUploaded image, byte[] bytes, String sourceSha256) {
        TrainingSpec spec = specs.get(image.dataset());
        Prepared prepared = ImagePreparer.prepare(bytes, TargetSize.of(spec), limits);
        String sha256 = prepared.sha256();
        String key = "images/%s/%s.png".formatted(sha256.substring(0, 2), sha256);
        if (store.stat(key).isEmpty()) {
            store.put(key, prepared.png(), "image/png");
        }
        specs.settle(image.dataset(), spec);
        return new ImageAccepted(
                image.dataset(),
                sha256,
                key,
                caption(image),
                image.fileName(),
                sourceSha256,
                prepared.sourceFormat(),
                prepared.before(),
                prepared.after(),
                prepared.crop(),
                prepared.sharpness(),
                prepared.perceptualHash(),
                prepared.png().length,
                image.role());
    }

    static String caption(ImageUploaded image) {
        String caption = image.caption();
        return caption == null ? "" : caption.strip();
    }

    private byte[] bytesOf(ImageUploaded image) {
        UploadRules.check(image);
        byte[] inline = image.bytes();
        return inline != null ? inline : stored(Objects.requireNonNull(image.objectKey()));
    }

    /** Nothing that is too large is ever read. */
    private byte[] stored(String key) {
        ObjectInfo info = find(key).orElseThrow(() -> new ObjectMissingException(key));
        if (info.bytes() > limits.bytes()) {
            throw new RejectedImageException(
                    RejectionReason.TOO_MANY_BYTES,
                    "the object '%s' has %d bytes; %d are allowed".formatted(key, info.bytes(), limits.bytes()));
        }
        return store.get(key);
    }

    /**
     * Looks an object up. A store that answers, but not for this key, never will: it may be one that keeps files, and the key lies
     * below another object's. Were that tried for ever, every upload behind it would wait.
     */
    private Optional<ObjectInfo> find(String key) {
        try {
            return store.stat(key);
        } catch (ObjectStoreException e) {
            LOG.warn("does the store answer at all?", e);
        }
        store.stat(PROBE);
        try {
            return store.stat(key);
        } catch (ObjectStoreException e) {
            throw new RejectedImageException(
                    RejectionReason.OBJECT_MISSING, "the object store answers, but not for this: " + e.getMessage(), e);
        }
    }

    private <T> Event<T> event(String id, String dataset, T data) {
        return Event.of(id, SOURCE, clock.instant(), dataset, data);
    }
}
