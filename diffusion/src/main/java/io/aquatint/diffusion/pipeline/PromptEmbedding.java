package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import org.jspecify.annotations.Nullable;

/**
 * Encoded prompts: what a UNet looks at while it denoises.
 *
 * @param context a vector for each token, [prompts, tokens, c]
 * @param pooled one vector for each prompt, [prompts, p]; only of models whose UNet takes it (SDXL)
 */
public record PromptEmbedding(NDArray context, @Nullable NDArray pooled) {

    /** These prompts followed by others of the same model. */
    public PromptEmbedding followedBy(NDManager outputs, PromptEmbedding other) {
        @Nullable NDArray both = pooled == null || other.pooled == null ? null : concat(outputs, pooled, other.pooled);
        return new PromptEmbedding(concat(outputs, context, other.context), both);
    }

    /** Each prompt {@code times} times, one after the other. */
    public PromptEmbedding repeated(NDManager outputs, int times) {
        return new PromptEmbedding(
                repeat(outputs, context, times), pooled == null ? null : repeat(outputs, pooled, times));
    }

    private static NDArray concat(NDManager outputs, NDArray first, NDArray second) {
        NDArray both = NDArrays.concat(new NDList(first, second));
        both.attach(outputs);
        return both;
    }

    private static NDArray repeat(NDManager outputs, NDArray rows, int times) {
        NDArray repeated = rows.repeat(0, times);
        repeated.attach(outputs);
        return repeated;
    }
}
