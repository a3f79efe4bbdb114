package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
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

    /** Each prompt's numbers times its own factor. */
    PromptEmbedding scaled(NDManager outputs, float... factors) {
        try (NDArray column = outputs.create(factors, new Shape(factors.length, 1));
                NDArray block = column.expandDims(2)) {
            return new PromptEmbedding(
                    attached(outputs, context.mul(block)),
                    pooled == null ? null : attached(outputs, pooled.mul(column)));
        }
    }

    private static NDArray attached(NDManager outputs, NDArray array) {
        array.attach(outputs);
        return array;
    }

    private static NDArray concat(NDManager outputs, NDArray first, NDArray second) {
        return attached(outputs, NDArrays.concat(new NDList(first, second)));
    }

    private static NDArray repeat(NDManager outputs, NDArray rows, int times) {
        return attached(outputs, rows.repeat(0, times));
    }
}
