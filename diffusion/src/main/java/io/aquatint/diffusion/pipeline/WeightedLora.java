package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.LoraWeights;

/**
 * An adapter and how much of it is added.
 *
 * @param weight 1 for all, 0 for none
 */
public record WeightedLora(LoraWeights adapter, double weight) {}
