package io.aquatint.events;

/** Why a picture is refused: a closed set. */
public enum RejectionReason {
    EMPTY("The file has no bytes: send it again."),
    NOT_AN_IMAGE("The file is no picture: send JPEG, PNG, WebP, GIF or BMP."),
    UNSUPPORTED_FORMAT("Convert it to JPEG, PNG, WebP, GIF or BMP."),
    TRUNCATED("The file ends too early: send it again, whole."),
    CORRUPT("The file is damaged: export it again from its original."),
    TOO_MANY_PIXELS("Scale it down before sending it."),
    TOO_MANY_BYTES("Send a smaller file, or put it into the object store and send its key."),
    TOO_SMALL("Send a larger picture."),
    OBJECT_MISSING("Put the object into the store before sending its key."),
    HASH_MISMATCH("The bytes are not those whose SHA-256 was given: send it again."),
    CAPTION_TOO_LONG("Shorten the caption."),
    MALFORMED_EVENT("Send either bytes or objectKey, and a valid data set name.");

    private final String advice;

    RejectionReason(String advice) {
        this.advice = advice;
    }

    /** What to do about it, as a sentence. */
    public String advice() {
        return advice;
    }
}
