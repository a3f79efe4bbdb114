package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraNames.Part;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Writes adapters in the forms that other tools read:
 *
 * <pre>{@code
 * new LoraWriter(adapters).dtype(DType.F16).kohya(file, KohyaMetadata.builder(architecture).title("cats").build());
 * }</pre>
 */
public final class LoraWriter {
    private final List<LoraWeights> adapters;
    private final Map<String, String> metadata = new TreeMap<>();
    private DType dtype = DType.F32;
    private @Nullable OriginalUNetNames originalNames;

    /** @param adapters one at least, each of another component */
    public LoraWriter(Collection<LoraWeights> adapters) {
        this.adapters = List.copyOf(adapters);
        long components =
                adapters.stream().map(LoraWeights::component).distinct().count();
        if (adapters.isEmpty() || components != adapters.size()) {
            throw new IllegalArgumentException(
                    components == 0 ? "no adapter to write" : "two adapters of one component cannot be in one file");
        }
    }

    /** The element type of the tensors: F32 (the default), F16 or BF16. */
    public LoraWriter dtype(DType type) {
        if (type != DType.F32 && type != DType.F16 && type != DType.BF16) {
            throw new IllegalArgumentException("a LoRA is written in F32, F16 or BF16, not in " + type);
        }
        dtype = type;
        return this;
    }

    /** Entries of the header's metadata; those that describe the tensors are written anew in spite of them. */
    public LoraWriter metadata(Map<String, String> entries) {
        metadata.putAll(entries);
        return this;
    }

    /** The base's UNet, by whose structure kohya's SDXL names are made; without it they follow from the adapted layers. */
    public LoraWriter unet(ModelConfig config) {
        originalNames = OriginalUNetNames.of(config);
        return this;
    }

    /**
     * Writes {@code pytorch_lora_weights.safetensors}. Readers take the scale 1 unless they know of {@code
     * lora_adapter_metadata}: where alpha differs from the rank, alpha / rank is multiplied into {@code up}, and the metadata say
     * that they are equal.
     */
    public void diffusers(Path file) {
        List<LoraWeights> folded = adapters.stream().map(LoraWeights::folded).toList();
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (LoraWeights adapter : folded) {
            Component component = adapter.component();
            adapter.modules().forEach((module, pair) -> {
                tensors.put(LoraNames.diffusers(component, module, Part.DOWN), down(module, pair));
                tensors.put(LoraNames.diffusers(component, module, Part.UP), up(module, pair));
            });
        }
        Map<String, String> header = new TreeMap<>(metadata);
        header.remove(LoraReader.LAYERS_PER_BLOCK);
        header.put(PeftSettings.METADATA, PeftSettings.metadata(folded));
        write(file, tensors, header);
    }

    /**
     * Writes PEFT's {@code adapter_model.safetensors} and {@code adapter_config.json}: into the folder itself, or where there are
     * several components into a folder for each, named by it.
     */
    public void peft(Path folder) {
        try {
            for (LoraWeights adapter : adapters) {
                Path own = adapters.size() == 1
                        ? folder
                        : folder.resolve(adapter.component().folder());
                Files.createDirectories(own);
                Map<String, TensorData> tensors = new LinkedHashMap<>();
                adapter.modules().forEach((module, pair) -> {
                    tensors.put(LoraNames.peft(module, Part.DOWN), down(module, pair));
                    tensors.put(LoraNames.peft(module, Part.UP), up(module, pair));
                });
                write(own.resolve(LoraFormats.PEFT_NAME), tensors, metadata);
                Files.writeString(own.resolve(PeftSettings.CONFIG), PeftSettings.config(adapter));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write to " + folder + ": " + e, e);
        }
    }

    /**
     * Writes a kohya file. The names of a UNet's layers are diffusers', for Stable Diffusion XL those of the original layout.
     *
     * @param entries what they say of the architecture decides the names; where they say nothing, the layers do
     * @throws CheckpointException if a layer has no name in the original layout
     */
    public void kohya(Path file, KohyaMetadata entries) {
        Optional<Architecture> architecture = entries.architecture().or(() -> LoraArchitecture.of(adapters));
        boolean xl =
                architecture.filter(Architecture.STABLE_DIFFUSION_XL::equals).isPresent();
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        Map<String, String> header = new TreeMap<>(metadata);
        header.keySet().removeAll(Set.of(PeftSettings.METADATA, LoraReader.LAYERS_PER_BLOCK));
        header.putAll(entries.entries());
        for (LoraWeights adapter : adapters) {
            Component component = adapter.component();
            OriginalUNetNames names = xl && component == Component.UNET ? originalNames(adapter) : null;
            if (names != null && !names.isUsual()) {
                header.put(LoraReader.LAYERS_PER_BLOCK, LoraReader.layersPerBlock(names));
            }
            adapter.modules().forEach((module, pair) -> {
                String path = names == null ? module : original(names, module);
                tensors.put(LoraNames.kohya(component, path, xl, Part.DOWN), down(module, pair));
                tensors.put(LoraNames.kohya(component, path, xl, Part.UP), up(module, pair));
                tensors.put(
                        LoraNames.kohya(component, path, xl, Part.ALPHA),
                        TensorData.of(new float[] {(float) pair.alpha()}));
            });
        }
        String hash = dataHash(tensors);
        header.putAll(networkMetadata());
        header.put("sshs_model_hash", hash);
        header.put("modelspec.hash_sha256", "0x" + hash);
        write(file, tensors, header);
    }

    private OriginalUNetNames originalNames(LoraWeights unet) {
        OriginalUNetNames known = originalNames;
        if (known != null) {
            return known;
        }
        OriginalUNetNames published = OriginalUNetNames.uniform(2);
        return LoraArchitecture.isPublishedXl(unet)
                ? published
                : OriginalUNetNames.impliedByDiffusers(unet.modules().keySet()).orElse(published);
    }

    private static String original(OriginalUNetNames names, String module) {
        return names.toOriginal(module)
                .orElseThrow(() -> new CheckpointException(
                        module + " has no name in the original layout, which kohya's Stable Diffusion XL files use"));
    }

    private Map<String, String> networkMetadata() {
        int rank = adapters.stream().mapToInt(LoraWeights::rank).max().orElse(0);
        double alpha = adapters.stream()
                .flatMap(adapter -> adapter.modules().values().stream())
                .filter(pair -> pair.rank() == rank)
                .mapToDouble(LoraPair::alpha)
                .max()
                .orElse(rank);
        return Map.of(
                "ss_network_module", "networks.lora",
                "ss_network_dim", Integer.toString(rank),
                "ss_network_alpha", KohyaMetadata.number(alpha));
    }

    /** SHA-256 of what follows the header, as A1111 identifies adapters whatever their metadata. */
    private static String dataHash(Map<String, TensorData> tensors) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            SafetensorsWriter.writeData(new DigestOutputStream(OutputStream.nullOutputStream(), digest), tensors);
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private TensorData down(String module, LoraPair pair) {
        return tensor(module, pair.down(), pair.downShape());
    }

    private TensorData up(String module, LoraPair pair) {
        return tensor(module, pair.up(), pair.upShape());
    }

    private TensorData tensor(String module, float[] values, long[] shape) {
        return Rounding.to(module, TensorData.of(values, shape), dtype);
    }

    private static void write(Path file, Map<String, TensorData> tensors, Map<String, String> entries) {
        Map<String, String> header = new TreeMap<>(entries);
        header.put("format", "pt");
        SafetensorsWriter.write(file, tensors, header);
    }
}
