package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.graph.Recording;
import io.aquatint.diffusion.graph.Weights;
import java.util.Set;

/**
 * A UNet with adapters: those of its weights that differ from the base's, and its recorded predictions, which later adapters of the
 * same layers can use.
 */
final class AdaptedUNet implements Reusable {
    private final StableDiffusion model;
    private final NDManager manager;
    private final Set<String> changed;
    private final boolean replaced;
    private final Weights weights;
    private final Recording recording;

    /**
     * @param owner of what differs; it is this object's
     * @param replaced whether it is another network than the base's
     */
    AdaptedUNet(StableDiffusion model, NDManager owner, AdaptedWeights weights, boolean replaced) {
        this.model = model;
        this.manager = owner;
        this.changed = weights.changed();
        this.replaced = replaced;
        this.weights = weights.weights();
        this.recording = new Recording(manager, (outputs, inputs) -> model.predict(outputs, this.weights, inputs));
    }

    Weights weights() {
        return weights;
    }

    /** @param inputs as {@link StableDiffusion#unetInputs} has them */
    NDArray predict(NDManager outputs, NDArray... inputs) {
        NDArray predicted = recording.run(inputs).get(0).duplicate(); // the recording's own is overwritten by the next
        predicted.attach(outputs);
        return predicted;
    }

    @Override
    public Object key() {
        return changed;
    }

    @Override
    public long bytes() {
        long elements = 0;
        for (String name : changed) {
            elements += weights.get(name).size();
        }
        return elements * Float.BYTES;
    }

    /** It is needed no more, here. */
    void release() {
        recording.freeOutputs();
        if (replaced || recording.crowded()) {
            close();
        } else {
            model.keep(this);
        }
    }

    @Override
    public void close() {
        recording.close();
        manager.close();
    }
}
