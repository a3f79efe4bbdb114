package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What a file or a folder holds, as {@link #of} finds out by names and shapes. */
public sealed interface Contents {

    /** A whole base model: a diffusers folder or a single file of the original layout. */
    record BaseModel(ModelSource model, Parts parts) implements Contents {
        public boolean isSingleFile() {
            return model instanceof SingleFileCheckpoint;
        }
    }

    /** Some networks of a base model in diffusers' names, as a full fine-tuning leaves them. */
    record Networks(Parts parts) implements Contents {
        /** The family, as far as the shapes of one say. */
        public Optional<Architecture> architecture() {
            return parts.tensors().entrySet().stream()
                    .flatMap(part -> ContentsReader.architecture(part.getKey(), part.getValue()).stream())
                    .findFirst();
        }
    }

    record Lora(LoraFile file, Parts parts) implements Contents {}

    /** A textual inversion. */
    record Word(TextualInversion word, TextualInversionFiles.Form form, Parts parts) implements Contents {}

    /** The state of a training that was stopped. */
    record TrainingState(Parts parts) implements Contents {}

    /**
     * Valid safetensors of a kind that is not supported, or not known.
     *
     * @param description what it is or seems to be, for a person
     */
    record Other(String description, Parts parts) implements Contents {}

    /** The tensors of each part, and what the headers say. */
    Parts parts();

    /**
     * The tensors.
     *
     * @param tensors by what they are of: a component or a file
     * @param metadata of the headers
     */
    record Parts(Map<String, TensorSource> tensors, Map<String, String> metadata) {
        public Parts {
            tensors = new LinkedHashMap<>(tensors);
            metadata = Map.copyOf(metadata);
        }
    }

    /**
     * Finds out. Headers alone are read, of an adapter and of a word all.
     *
     * @throws CheckpointException if there is nothing, or if what is there is pickled, broken or contradicts itself
     */
    static Contents of(Path path) {
        return ContentsReader.read(path);
    }

    /** A single file with the configs of a diffusers folder, as {@link ModelSource#open(Path, Path)}. */
    static Contents of(Path file, Path configFolder) {
        return ContentsReader.baseModel(ModelSource.open(file, configFolder));
    }
}
