package io.aquatint.diffusion.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;

/**
 * Where a base model's parts come from, by the names of diffusers' folders: {@code unet}, {@code vae}, {@code text_encoder},
 * {@code text_encoder_2}, {@code tokenizer}, {@code tokenizer_2}, {@code scheduler}. Opening reads no weights.
 */
public interface ModelSource {
    /**
     * A base model: a diffusers folder, or a single safetensors file in the original layout whose configs are derived.
     *
     * @throws CheckpointException where there is none at this path, or where it is pickled
     * @throws UnsupportedModelException where it is of another kind than {@link Architecture} has, by name
     */
    static ModelSource open(Path path) {
        if (Files.isRegularFile(path)) {
            SafetensorsFile file = Pickled.refuseOrOpen(path);
            return new SingleFileCheckpoint(path, file, file.metadata(), null);
        }
        DiffusersFolder folder = DiffusersFolder.open(path);
        folder.architecture();
        return folder;
    }

    /**
     * A single file with the configs and tokenizers of a diffusers folder, whose weights, if it has any, are not read.
     *
     * @throws CheckpointException as {@link #open(Path)}, and where the folder is of another architecture
     * @throws UnsupportedModelException as {@link #open(Path)}
     */
    static ModelSource open(Path file, Path configFolder) {
        SafetensorsFile opened = Pickled.refuseOrOpen(file);
        return new SingleFileCheckpoint(file, opened, opened.metadata(), DiffusersFolder.open(configFolder));
    }

    /** The same model with other weights, each made when it is read; {@code change} gives what becomes of a component's. */
    default ModelSource changed(Function<String, TensorChange> change) {
        return new DerivedModel(this, component -> weights(component).changed(change.apply(component)));
    }

    /**
     * The same model with other networks in place of some of its own, with its own configs.
     *
     * @param networks by their folders in diffusers layout
     * @throws CheckpointException if the model has none of a name
     */
    default ModelSource replacing(Map<String, TensorSource> networks) {
        networks.forEach((component, weights) -> {
            if (!has(component)) {
                throw new CheckpointException("%s: %s has no %s that it could be put in place of"
                        .formatted(weights.describe(), path(), component));
            }
        });
        Map<String, TensorSource> others = Map.copyOf(networks);
        return new DerivedModel(this, component -> {
            TensorSource other = others.get(component);
            return other == null
                    ? weights(component)
                    : new ConfiguredTensors(other, component, () -> config(component));
        });
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
     * Whether guidance takes zeros in place of an encoded prompt where there is no negative prompt: what SDXL's pipelines do unless
     * {@code force_zeros_for_empty_prompt} of {@code model_index.json} says otherwise.
     */
    default boolean zerosForAbsentNegativePrompt() {
        return architecture() == Architecture.STABLE_DIFFUSION_XL;
    }

    /**
     * A folder with a tokenizer's {@code vocab.json} and {@code merges.txt}.
     *
     * @param component {@code tokenizer} or {@code tokenizer_2}
     * @throws CheckpointException where the model has no such component
     */
    Path tokenizerFolder(String component);
}
