package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.graph.Weights;
import java.util.List;

/** A {@link StableDiffusion} with adapters added to its weights. Owns only the weights that differ. */
public final class AdaptedModel implements AutoCloseable {
    private final StableDiffusion model;
    private final Weights unetWeights;
    private final Weights textWeights;

    AdaptedModel(StableDiffusion model, Weights unetWeights, Weights textWeights) {
        this.model = model;
        this.unetWeights = unetWeights;
        this.textWeights = textWeights;
    }

    /** Prompts to [prompts, tokens, c]. */
    public NDArray encodeText(NDManager outputs, List<String> prompts) {
        return model.encodeText(outputs, textWeights, prompts);
    }

    /**
     * The noise (or velocity) that the UNet sees.
     *
     * @param sample [b, latentChannels, h, w]
     * @param timestep [b]
     * @param context [b, tokens, c]
     */
    public NDArray predict(NDManager outputs, NDArray sample, NDArray timestep, NDArray context) {
        return model.predict(outputs, unetWeights, sample, timestep, context);
    }

    @Override
    public void close() {
        unetWeights.close();
        textWeights.close();
    }
}
