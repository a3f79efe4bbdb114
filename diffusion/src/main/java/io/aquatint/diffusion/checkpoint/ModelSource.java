package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;

/**
 * Where a base model's parts come from, by the names of diffusers' folders: {@code unet}, {@code vae}, {@code text_encoder},
 * {@code text_encoder_2}, {@code tokenizer}, {@code tokenizer_2}, {@code scheduler}. Opening reads no weights.
 */
public interface ModelSource {
    /**
     * A base model in diffusers layout.
     *
     * @throws CheckpointException where there is none at this path
     * @throws UnsupportedModelException where it is of another kind than {@link Architecture} has, by name
     */
    static ModelSource open(Path path) {
        DiffusersFolder folder = DiffusersFolder.open(path);
        folder.architecture();
        return folder;
    }

    Path path();

    /** @throws UnsupportedModelException for every other architecture, by name */
    Architecture architecture();

    boolean has(String component);

    /**
     * A component's settings, with the keys of its {@code config.json} (the scheduler's {@code scheduler_config.json}).
     *
     * @throws CheckpointException where the model has no such component
     */
    ModelConfig config(String component);

    /**
     * A component's weights, by the names that diffusers and transformers give them now.
     *
     * @throws CheckpointException where there are none, or where they are pickled
     */
    TensorSource weights(String component);

    /**
     * A folder with a tokenizer's {@code vocab.json} and {@code merges.txt}.
     *
     * @param component {@code tokenizer} or {@code tokenizer_2}
     * @throws CheckpointException where the model has no such component
     */
    Path tokenizerFolder(String component);
}
