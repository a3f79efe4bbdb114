package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A method on a model: which numbers are trained, where they stand in its networks, and what becomes of them. */
interface Trainable extends AutoCloseable {
    static Trainable of(StableDiffusion model, TrainingMethod method, long seed) {
        if (method instanceof TrainingMethod.Lora lora) {
            return new TrainableLora(model, lora, seed);
        }
        if (method instanceof TrainingMethod.FullFineTuning full) {
            return new TrainableNetworks(model, full);
        }
        return new TrainableWord(model, (TrainingMethod.TextualInversion) method);
    }

    ParameterLayout layout();

    /**
     * Sets the parameters as they are before the first step.
     *
     * @param previous a folder that {@link #write} made, to go on from; a new beginning when null
     */
    void initialize(FlatTensors parameters, @Nullable Path previous);

    /** What puts the parameters in their places, in a graph whose networks are written below their components' names. */
    GraphRule rule(Parameters parameters);

    /** Whether text has to be encoded in each step, because that changes too. */
    boolean changesText();

    /** The prompts that an example may be learned with. */
    List<String> captions(TrainingExample example);

    /** The tokenizers, one for each text encoder. */
    List<ClipTokenizer> tokenizers();

    /** Of a moving average of the parameters; none when null. */
    @Nullable Double averageDecay();

    /** Writes what was learned into a folder, as {@link TrainedFiles} names the files. */
    void write(TensorSource parameters, Path folder, Map<String, String> metadata);

    @Override
    default void close() {}
}
