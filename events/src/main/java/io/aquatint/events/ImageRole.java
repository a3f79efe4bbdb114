package io.aquatint.events;

/** What a picture is to a training. */
public enum ImageRole {
    /** It shows what is to be learned. */
    INSTANCE,
    /** It shows others of the class, which the model is to go on drawing as it does (prior preservation). */
    CLASS
}
