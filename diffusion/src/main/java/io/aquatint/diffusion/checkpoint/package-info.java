/** Files of weights: safetensors, diffusers folders, LoRA formats. */
@NullMarked
package io.aquatint.diffusion.checkpoint;

import org.jspecify.annotations.NullMarked;
