package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * LoRA adapter files as other tools read and write them: diffusers ({@code pytorch_lora_weights.safetensors}), PEFT ({@code
 * adapter_model.safetensors}), and kohya's (A1111, ComfyUI). {@link LoraWriter} has all ways of writing.
 */
public final class LoraFormats {
    /** The name that diffusers looks for in a folder. */
    public static final String DIFFUSERS_NAME = "pytorch_lora_weights.safetensors";

    /** The name that PEFT looks for in a folder, with {@code adapter_config.json} beside it. */
    public static final String PEFT_NAME = "adapter_model.safetensors";

    private LoraFormats() {}

    /**
     * The UNet's adapter of a file of any form.
     *
     * @throws CheckpointException where the file is no LoRA, or adapts more than the UNet
     */
    public static LoraWeights read(Path file) {
        Map<Component, LoraWeights> all = readAll(file);
        LoraWeights unet = all.get(Component.UNET);
        if (unet == null || all.size() > 1) {
            throw new CheckpointException(
                    file + " adapts " + all.keySet() + ": only an adapter of the UNet alone is supported here");
        }
        return unet;
    }

    /** The adapter of each component in a file or folder of any form, as {@link #open}. */
    public static Map<Component, LoraWeights> readAll(Path path) {
        return open(path).adapters();
    }

    /**
     * Reads a LoRA: a file of any form, or a folder with one of diffusers' or PEFT's names or with a folder of PEFT's for each
     * component. Alpha is, in this order: the layer's own tensor, what {@code adapter_config.json} or the metadata {@code
     * lora_adapter_metadata} says, the rank (which makes the scale 1).
     *
     * @throws CheckpointException with every tensor that is unknown, alone or misshapen; where the file is pickled; where the
     *     adapter is of a kind that is not supported, by its name
     */
    public static LoraFile open(Path path) {
        if (!Files.isDirectory(path)) {
            return LoraReader.read(path);
        }
        for (String name : List.of(DIFFUSERS_NAME, PEFT_NAME)) {
            if (Files.isRegularFile(path.resolve(name))) {
                return LoraReader.read(path.resolve(name));
            }
        }
        List<LoraFile> parts = new ArrayList<>();
        for (Component component : Component.values()) {
            Path part = path.resolve(component.folder()).resolve(PEFT_NAME);
            if (Files.isRegularFile(part)) {
                parts.add(LoraReader.read(part));
            }
        }
        if (!parts.isEmpty()) {
            return together(path, parts);
        }
        List<Path> files = safetensors(path);
        if (files.size() != 1) {
            throw new CheckpointException(
                    "%s is no LoRA: it has neither %s nor %s, and %s other safetensors files; name the file"
                            .formatted(path, DIFFUSERS_NAME, PEFT_NAME, files.isEmpty() ? "no" : files.size()));
        }
        return LoraReader.read(files.get(0));
    }

    private static LoraFile together(Path path, List<LoraFile> parts) {
        Map<Component, LoraWeights> adapters = new EnumMap<>(Component.class);
        Map<String, String> metadata = new LinkedHashMap<>();
        for (LoraFile part : parts) {
            metadata.putAll(part.metadata());
            for (LoraWeights adapter : part.weights()) {
                if (adapters.put(adapter.component(), adapter) != null) {
                    throw new CheckpointException("%s has two adapters of the %s"
                            .formatted(path, adapter.component().folder()));
                }
            }
        }
        return new LoraFile(
                path, LoraForm.PEFT, adapters, metadata, parts.get(0).dtype());
    }

    private static List<Path> safetensors(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e, e);
        }
    }

    /** @see #writeDiffusers(Path, Collection, Map) */
    public static void writeDiffusers(Path target, LoraWeights adapter, Map<String, String> metadata) {
        writeDiffusers(target, List.of(adapter), metadata);
    }

    /** Writes {@code pytorch_lora_weights.safetensors} in float32, as {@link LoraWriter#diffusers}. */
    public static void writeDiffusers(Path target, Collection<LoraWeights> adapters, Map<String, String> metadata) {
        new LoraWriter(adapters).metadata(metadata).diffusers(target);
    }

    /** @see #writeKohya(Path, Collection, KohyaMetadata) */
    public static void writeKohya(Path target, LoraWeights adapter, KohyaMetadata metadata) {
        writeKohya(target, List.of(adapter), metadata);
    }

    /** As the form above, with metadata that is given as it is. */
    public static void writeKohya(Path target, LoraWeights adapter, Map<String, String> metadata) {
        writeKohya(target, List.of(adapter), KohyaMetadata.of(metadata));
    }

    /** Writes a kohya file in float32, as {@link LoraWriter#kohya}. */
    public static void writeKohya(Path target, Collection<LoraWeights> adapters, KohyaMetadata metadata) {
        new LoraWriter(adapters).kohya(target, metadata);
    }
}
