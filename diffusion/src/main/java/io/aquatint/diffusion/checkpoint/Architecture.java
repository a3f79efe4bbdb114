package io.aquatint.diffusion.checkpoint;

/** The families of base models, as other tools tell them apart. */
public enum Architecture {
    /** Stable Diffusion 1.x: one text encoder (CLIP ViT-L/14), convolutional projections around the transformers. */
    STABLE_DIFFUSION_1("Stable Diffusion 1.x"),
    /** Stable Diffusion 2.x: one text encoder (OpenCLIP ViT-H/14, penultimate layer), linear projections. */
    STABLE_DIFFUSION_2("Stable Diffusion 2.x"),
    /** Stable Diffusion XL base: two text encoders, pooled text and time ids besides the prompt. */
    STABLE_DIFFUSION_XL("Stable Diffusion XL");

    private final String title;

    Architecture(String title) {
        this.title = title;
    }

    /** The name for people. */
    public String title() {
        return title;
    }
}
