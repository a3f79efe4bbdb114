package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/**
 * A LoRA as it was read.
 *
 * @param path the file, of PEFT's form with several components the folder
 * @param adapters of each component, one at least
 * @param metadata of the file's header
 * @param dtype the element type of most tensors
 */
public record LoraFile(
        Path path, LoraForm form, Map<Component, LoraWeights> adapters, Map<String, String> metadata, DType dtype) {

    public LoraFile {
        adapters = Collections.unmodifiableMap(new EnumMap<>(adapters));
        metadata = Map.copyOf(metadata);
    }

    /** The adapters alone. */
    public Collection<LoraWeights> weights() {
        return adapters.values();
    }

    /** The family of the base model, as far as the layers and the metadata say. */
    public Optional<Architecture> architecture() {
        return LoraArchitecture.of(weights())
                .or(() -> KohyaMetadata.of(metadata).architecture());
    }

    /**
     * Checks every layer against a base model.
     *
     * @throws LoraMismatchException with all that does not fit
     */
    public void verifyAgainst(ModelSource base) {
        LoraWeights.verify(path.toString(), base, weights());
    }
}
