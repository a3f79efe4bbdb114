package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.graph.Weights;
import java.util.List;

/** A {@link StableDiffusion} with adapters added to its weights. Owns only the weights that differ. */
public final class AdaptedModel implements AutoCloseable {
    private final StableDiffusion model;
    private final Weights unetWeights;
    private final List<Weights> textWeights;

    AdaptedModel(StableDiffusion model, Weights unetWeights, List<Weights> textWeights) {
        this.model = model;
        this.unetWeights = unetWeights;
        this.textWeights = List.copyOf(textWeights);
    }

    /** Encodes prompts; the arrays are in the given manager. */
    public PromptEmbedding encodeText(NDManager outputs, List<String> prompts) {
        return model.encodeText(outputs, textWeights, prompts);
    }

    /**
     * The noise (or velocity) that the UNet sees.
     *
     * @param sample [b, latentChannels, h, w]
     * @param timestep [b]
     * @param prompts b of them
     * @param timeIds [b, 6], see {@link TimeIds}; a model that is not told of sizes does not look at them
     */
    public NDArray predict(
            NDManager outputs, NDArray sample, NDArray timestep, PromptEmbedding prompts, NDArray timeIds) {
        return model.predict(outputs, unetWeights, sample, timestep, prompts, timeIds);
    }

    @Override
    public void close() {
        unetWeights.close();
        textWeights.forEach(Weights::close);
    }
}
