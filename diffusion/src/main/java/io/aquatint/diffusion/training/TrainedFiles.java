package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.WeightedLora;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The files of a trained model, in a folder: {@code pytorch_lora_weights.safetensors}, or {@code learned_embeds.safetensors}, or
 * whole networks where diffusers has them, {@code unet/diffusion_pytorch_model.safetensors} and
 * {@code text_encoder/model.safetensors}.
 */
public final class TrainedFiles {
    private TrainedFiles() {}

    /** Where a network's weights are, relative to the folder. */
    public static Path network(String component) {
        return Path.of(
                component, component.equals("unet") ? "diffusion_pytorch_model.safetensors" : "model.safetensors");
    }

    /**
     * What a training wrote, to be laid over its base model.
     *
     * @throws CheckpointException if there is nothing of the kind in the folder
     */
    public static Adaptation read(Path folder) {
        Path lora = folder.resolve(LoraFormats.DIFFUSERS_NAME);
        List<WeightedLora> loras = Files.exists(lora)
                ? LoraFormats.readAll(lora).values().stream()
                        .map(adapter -> new WeightedLora(adapter, 1))
                        .toList()
                : List.of();
        Path word = folder.resolve(TextualInversionFiles.DIFFUSERS_NAME);
        List<TextualInversion> words = Files.exists(word) ? List.of(TextualInversionFiles.read(word)) : List.of();
        Map<String, TensorSource> networks = new LinkedHashMap<>();
        for (String component : List.of("unet", "text_encoder", "text_encoder_2")) {
            Path file = folder.resolve(network(component));
            if (Files.exists(file)) {
                networks.put(component, SafetensorsFile.open(file));
            }
        }
        if (loras.isEmpty() && words.isEmpty() && networks.isEmpty()) {
            throw new CheckpointException(
                    folder + " holds no trained model: neither an adapter nor a word nor a network");
        }
        return new Adaptation(loras, words, networks);
    }
}
