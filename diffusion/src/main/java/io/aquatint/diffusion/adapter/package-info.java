/** LoRA: where it sits and how its weights are laid out. */
@NullMarked
package io.aquatint.diffusion.adapter;

import org.jspecify.annotations.NullMarked;
