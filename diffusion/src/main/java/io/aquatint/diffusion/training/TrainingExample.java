package io.aquatint.diffusion.training;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.TimeIds;

/**
 * A picture to learn from.
 *
 * @param id the SHA-256 of the picture's file in hex: what its noise is seeded with
 * @param picture of the size to train at
 * @param sizes what SDXL is told of it
 */
public record TrainingExample(String id, Picture picture, String caption, TimeIds sizes) {
    /** A picture that was neither scaled nor cropped. */
    public TrainingExample(String id, Picture picture, String caption) {
        this(id, picture, caption, TimeIds.of(picture.width(), picture.height()));
    }
}
