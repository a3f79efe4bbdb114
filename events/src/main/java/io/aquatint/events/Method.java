package io.aquatint.events;

/** How a model is fine-tuned. The names stand in events; their order says nothing. */
public enum Method {
    /** A low-rank adapter of the UNet, and of the text encoders if wanted (Hu et al. 2021). */
    LORA,
    /** The whole UNet, and the text encoders if wanted, on one subject beside pictures of its class (Ruiz et al. 2022). */
    DREAMBOOTH,
    /** The same with an adapter. */
    DREAMBOOTH_LORA,
    /** A new word of the text encoders; all else stays as it is (Gal et al. 2022). */
    TEXTUAL_INVERSION,
    /** The whole UNet, and the text encoders if wanted, on captioned pictures. */
    FULL
}
