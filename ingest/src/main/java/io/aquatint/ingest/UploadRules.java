package io.aquatint.ingest;

import io.aquatint.events.ImageUploaded;
import io.aquatint.events.RejectionReason;
import io.aquatint.ingest.image.RejectedImageException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** What can be told of an upload without looking at its picture. */
final class UploadRules {
    static final int CAPTION_LENGTH = 2_000;

    private static final int KEY_BYTES = 1024;
    private static final int KEY_PART_BYTES = 255;
    private static final List<String> RESERVED = List.of("", ".", "..");

    private UploadRules() {}

    /** @throws RejectedImageException if the upload can be refused as it stands */
    static void check(ImageUploaded image) {
        byte[] inline = image.bytes();
        String key = image.objectKey();
        if (!DatasetId.isValid(image.dataset())) {
            throw malformed("'%s' is no name for a data set: %s".formatted(image.dataset(), DatasetId.RULE));
        } else if (inline == null && key == null) {
            throw malformed("neither bytes nor objectKey is given");
        } else if (inline != null && key != null) {
            throw malformed("both bytes and objectKey are given");
        } else if (inline != null && inline.length > ImageUploaded.INLINE_BYTES) {
            throw new RejectedImageException(
                    RejectionReason.TOO_MANY_BYTES,
                    "%d bytes inside an event; %d are allowed".formatted(inline.length, ImageUploaded.INLINE_BYTES));
        }
        if (key != null) {
            checkKey(key);
        }
        String caption = image.caption();
        if (caption != null && caption.length() > CAPTION_LENGTH) {
            throw new RejectedImageException(
                    RejectionReason.CAPTION_TOO_LONG,
                    "the caption has %d characters; %d are allowed".formatted(caption.length(), CAPTION_LENGTH));
        }
    }

    /** Refuses a key that no store could hold: asking for it would fail, and be tried again and again. */
    private static void checkKey(String key) {
        if (key.isBlank()) {
            throw malformed("objectKey is empty");
        } else if (bytes(key) > KEY_BYTES) {
            throw malformed("objectKey has %d bytes; %d are allowed".formatted(bytes(key), KEY_BYTES));
        } else if (key.chars().anyMatch(Character::isISOControl)) {
            throw malformed("objectKey has a control character");
        }
        for (String part : key.split("/", -1)) {
            if (RESERVED.contains(part)) {
                throw malformed("objectKey '%s' has '%s' between slashes, which no key may have".formatted(key, part));
            } else if (bytes(part) > KEY_PART_BYTES) {
                throw malformed("objectKey has a part of %d bytes between slashes; %d are allowed"
                        .formatted(bytes(part), KEY_PART_BYTES));
            }
        }
    }

    private static int bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    private static RejectedImageException malformed(String detail) {
        return new RejectedImageException(RejectionReason.MALFORMED_EVENT, detail);
    }
}
