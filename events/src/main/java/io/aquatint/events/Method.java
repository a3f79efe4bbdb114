package io.aquatint.events;

/** How a model is fine-tuned. */
public enum Method {
    LORA,
    DREAMBOOTH,
    TEXTUAL_INVERSION,
    FULL
}
