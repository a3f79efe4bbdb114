package io.aquatint.ingest;

import io.aquatint.events.EventJson;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.VerdictEvent;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The objects that the HTTP door wrote or gave an address for: each is deleted once its verdict is out. A verdict is kept in its
 * place, small, for the upload may be told of again. Objects that others named are theirs.
 */
final class RawUploads {
    private static final Pattern KEY =
            Pattern.compile("uploads/([^/]+)/(\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12})");

    /** They say nothing of the picture: it may yet come, or be told of as it should be. */
    private static final Set<RejectionReason> NOT_OF_THE_PICTURE = EnumSet.of(
            RejectionReason.OBJECT_MISSING, RejectionReason.MALFORMED_EVENT, RejectionReason.CAPTION_TOO_LONG);

    private final ObjectStore store;

    private record Verdict(
            @Nullable ImageAccepted accepted, @Nullable ImageRejected rejected) {}

    RawUploads(ObjectStore store) {
        this.store = store;
    }

    static String newKey(String dataset) {
        return "uploads/%s/%s".formatted(dataset, UUID.randomUUID());
    }

    /** The earlier verdict on an object that is gone since, with what this event says of it. */
    Optional<VerdictEvent> earlierVerdict(ImageUploaded image) {
        String key = keyOf(image);
        if (key == null) {
            return Optional.empty();
        }
        try {
            Verdict verdict = EventJson.read(store.get(verdictKey(key)), Verdict.class);
            return verdict.accepted() != null
                    ? Optional.of(named(image, verdict.accepted()))
                    : Optional.ofNullable(verdict.rejected()).map(rejected -> named(image, rejected));
        } catch (ObjectMissingException e) {
            return Optional.empty();
        }
    }

    /** Deletes the object of an upload whose verdict is safe. Whatever ends the process in between, the event comes again. */
    void delete(ImageUploaded image, VerdictEvent verdict) {
        String key = keyOf(image);
        if (key == null) {
            return;
        }
        if (verdict instanceof ImageAccepted accepted) {
            keep(key, new Verdict(accepted, null));
        } else if (verdict instanceof ImageRejected rejected && !NOT_OF_THE_PICTURE.contains(rejected.reason())) {
            keep(key, new Verdict(null, rejected));
        } else {
            return;
        }
        store.delete(key);
    }

    private void keep(String key, Verdict verdict) {
        store.put(verdictKey(key), EventJson.write(verdict), "application/json");
    }

    /** Of an object that is ours to delete: a data set's events have no say over another's. */
    private static @Nullable String keyOf(ImageUploaded image) {
        String key = image.objectKey();
        if (key == null) {
            return null;
        }
        var parts = KEY.matcher(key);
        return parts.matches() && parts.group(1).equals(image.dataset()) ? key : null;
    }

    private static String verdictKey(String key) {
        return "verdicts/%s.json".formatted(key.substring("uploads/".length()));
    }

    private static ImageAccepted named(ImageUploaded image, ImageAccepted before) {
        return new ImageAccepted(
                before.dataset(),
                before.sha256(),
                before.objectKey(),
                UploadHandler.caption(image),
                image.fileName(),
                before.sourceSha256(),
                before.sourceFormat(),
                before.before(),
                before.after(),
                before.crop(),
                before.sharpness(),
                before.perceptualHash(),
                before.bytes(),
                image.role());
    }

    private static ImageRejected named(ImageUploaded image, ImageRejected before) {
        return new ImageRejected(
                before.dataset(), image.fileName(), before.sourceSha256(), before.reason(), before.detail());
    }
}
