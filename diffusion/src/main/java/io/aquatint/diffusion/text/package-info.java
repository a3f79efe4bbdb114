/** The CLIP tokenizer and text encoder. */
@NullMarked
package io.aquatint.diffusion.text;

import org.jspecify.annotations.NullMarked;
