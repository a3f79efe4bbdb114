package io.aquatint.diffusion.training;

import io.aquatint.diffusion.pipeline.Picture;

/**
 * A picture to learn from.
 *
 * @param id the SHA-256 of the picture's file in hex: what its noise is seeded with
 * @param picture of the size to train at
 */
public record TrainingExample(String id, Picture picture, String caption) {}
