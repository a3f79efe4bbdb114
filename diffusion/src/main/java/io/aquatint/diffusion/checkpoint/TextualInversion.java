package io.aquatint.diffusion.checkpoint;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A new word of the text encoder (Gal et al. 2022, "An Image is Worth One Word").
 *
 * @param token what stands for it in prompts, for example {@code <my-concept>}
 * @param vectors its embeddings in the first text encoder, one to eight rows of equal length
 * @param secondVectors those in SDXL's second text encoder, as many rows; absent for models with one
 */
public record TextualInversion(
        String token, List<float[]> vectors, @Nullable List<float[]> secondVectors) {
    public TextualInversion {
        if (token.isBlank() || vectors.isEmpty()) {
            throw new IllegalArgumentException("a textual inversion needs a token and at least one vector");
        }
        int length = vectors.get(0).length;
        if (vectors.stream().anyMatch(vector -> vector.length != length)) {
            throw new IllegalArgumentException("the vectors of " + token + " have different lengths");
        }
        vectors = List.copyOf(vectors);
        if (secondVectors != null) {
            secondVectors = List.copyOf(secondVectors);
            if (secondVectors.size() != vectors.size()) {
                throw new IllegalArgumentException("%s has %d vectors for the first text encoder, %d for the second"
                        .formatted(token, vectors.size(), secondVectors.size()));
            }
        }
    }
}
