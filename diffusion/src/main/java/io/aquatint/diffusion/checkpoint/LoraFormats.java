package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.aquatint.diffusion.checkpoint.LoraNames.Part;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * LoRA adapter files as other tools read and write them: diffusers ({@code pytorch_lora_weights.safetensors}), PEFT's tensor
 * names, and kohya's (A1111, ComfyUI).
 */
public final class LoraFormats {
    private static final ObjectMapper JSON = new ObjectMapper();

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

    /**
     * The adapter of each component in a file of any form. Alpha is, in this order: the layer's own tensor, what
     * {@code lora_adapter_metadata} says, the rank (which makes the scale 1).
     *
     * @throws CheckpointException with every tensor that is unknown, alone or misshapen
     */
    public static Map<Component, LoraWeights> readAll(Path file) {
        SafetensorsFile tensors = SafetensorsFile.open(file);
        List<String> problems = new ArrayList<>();
        Map<Component, Map<String, Map<Part, TensorData>>> layers = new EnumMap<>(Component.class);
        for (String stored : tensors.names()) {
            LoraNames.parse(stored)
                    .ifPresentOrElse(
                            name -> {
                                TensorData previous = layers.computeIfAbsent(name.component(), c -> new TreeMap<>())
                                        .computeIfAbsent(name.module(), m -> new EnumMap<>(Part.class))
                                        .put(name.part(), tensors.read(stored));
                                if (previous != null) {
                                    problems.add(stored + " is there twice, under two names");
                                }
                            },
                            () -> problems.add(stored + " is no tensor of a LoRA of a known form"));
        }
        JsonNode metadata = adapterMetadata(tensors, problems);
        Map<Component, LoraWeights> adapters = new EnumMap<>(Component.class);
        layers.forEach((component, modules) -> {
            Map<String, LoraPair> pairs = new TreeMap<>();
            modules.forEach((module, parts) -> pair(module, parts, new Settings(metadata, component), problems)
                    .ifPresent(pair -> pairs.put(module, pair)));
            if (!pairs.isEmpty()) {
                adapters.put(component, LoraWeights.of(component, pairs));
            }
        });
        if (adapters.isEmpty() && problems.isEmpty()) {
            problems.add("it has no tensors");
        }
        if (!problems.isEmpty()) {
            throw new CheckpointException(file + " is no LoRA that can be read: " + summary(problems));
        }
        return adapters;
    }

    private static String summary(List<String> problems) {
        int shown = Math.min(problems.size(), 20);
        String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
        return String.join("; ", problems.subList(0, shown)) + more;
    }

    private static Optional<LoraPair> pair(
            String module, Map<Part, TensorData> parts, Settings settings, List<String> problems) {
        TensorData down = parts.get(Part.DOWN);
        TensorData up = parts.get(Part.UP);
        TensorData alphaTensor = parts.get(Part.ALPHA);
        if (down == null || up == null) {
            problems.add(module + " lacks its " + (down == null ? "down" : "up") + " tensor");
            return Optional.empty();
        }
        if (down.info().shape().isEmpty()) {
            problems.add(module + " down is a scalar");
            return Optional.empty();
        }
        if (alphaTensor != null && alphaTensor.size() != 1) {
            problems.add(module + " has an alpha that is no single number");
            return Optional.empty();
        }
        double alpha = alphaTensor != null
                ? alphaTensor.toFloats()[0]
                : settings.alpha(module, down.info().shape().get(0));
        try {
            return Optional.of(new LoraPair(
                    down.toFloats(),
                    down.info().dimensions(),
                    up.toFloats(),
                    up.info().dimensions(),
                    alpha));
        } catch (IllegalArgumentException e) {
            problems.add(module + ": " + e.getMessage());
            return Optional.empty();
        }
    }

    private static JsonNode adapterMetadata(SafetensorsFile file, List<String> problems) {
        String text = file.metadata().get("lora_adapter_metadata");
        if (text == null) {
            return MissingNode.getInstance();
        }
        try {
            JsonNode metadata = JSON.readTree(text);
            for (Component component : Component.values()) {
                if (metadata.path(component.folder() + ".use_dora").asBoolean(false)) {
                    problems.add("the adapter of " + component.folder() + " is a DoRA, which is not supported");
                }
            }
            return metadata;
        } catch (JsonProcessingException e) {
            problems.add("the metadata lora_adapter_metadata is no JSON");
            return MissingNode.getInstance();
        }
    }

    /** PEFT's settings of one component, keys prefixed with its name. */
    private record Settings(JsonNode metadata, Component component) {

        double alpha(String module, long rank) {
            JsonNode patterns = setting("alpha_pattern");
            double alpha = setting("lora_alpha").asDouble((double) rank);
            for (Map.Entry<String, JsonNode> pattern : patterns.properties()) {
                if (module.equals(pattern.getKey()) || module.endsWith("." + pattern.getKey())) {
                    alpha = pattern.getValue().asDouble(alpha);
                }
            }
            boolean rankStabilised = setting("use_rslora").asBoolean(false); // alpha / sqrt(rank)
            return rankStabilised ? alpha * Math.sqrt((double) rank) : alpha;
        }

        private JsonNode setting(String name) {
            return metadata.path(component.folder() + "." + name);
        }
    }

    /** @see #writeDiffusers(Path, Collection, Map) */
    public static void writeDiffusers(Path target, LoraWeights adapter, Map<String, String> metadata) {
        writeDiffusers(target, List.of(adapter), metadata);
    }

    /**
     * Writes {@code pytorch_lora_weights.safetensors}. The form holds no alpha, and readers take the scale 1: where alpha
     * differs from the rank, alpha / rank is multiplied into {@code up}.
     */
    public static void writeDiffusers(Path target, Collection<LoraWeights> adapters, Map<String, String> metadata) {
        SafetensorsWriter.write(target, diffusersTensors(adapters), withFormat(metadata));
    }

    static Map<String, TensorData> diffusersTensors(Collection<LoraWeights> adapters) {
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (LoraWeights adapter : adapters) {
            Component component = adapter.component();
            adapter.modules().forEach((module, stored) -> {
                LoraPair pair = stored.folded();
                tensors.put(LoraNames.diffusers(component, module, Part.DOWN), down(pair));
                tensors.put(LoraNames.diffusers(component, module, Part.UP), up(pair));
            });
        }
        return tensors;
    }

    /** @see #writeKohya(Path, Collection, KohyaMetadata) */
    public static void writeKohya(Path target, LoraWeights adapter, KohyaMetadata metadata) {
        writeKohya(target, List.of(adapter), metadata);
    }

    /** As the form above, with metadata that is given as it is. */
    public static void writeKohya(Path target, LoraWeights adapter, Map<String, String> metadata) {
        writeKohya(target, List.of(adapter), KohyaMetadata.of(metadata));
    }

    /** Writes a kohya file with SD 1.5's names: {@code lora_down}, {@code lora_up} and {@code alpha} of each layer. */
    public static void writeKohya(Path target, Collection<LoraWeights> adapters, KohyaMetadata metadata) {
        Map<String, TensorData> tensors = kohyaTensors(adapters);
        Map<String, String> header = new TreeMap<>(networkMetadata(adapters));
        header.putAll(metadata.entries());
        header.put("sshs_model_hash", dataHash(tensors));
        SafetensorsWriter.write(target, tensors, withFormat(header));
    }

    static Map<String, TensorData> kohyaTensors(Collection<LoraWeights> adapters) {
        boolean twoTextEncoders =
                adapters.stream().anyMatch(adapter -> adapter.component() == Component.TEXT_ENCODER_2);
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (LoraWeights adapter : adapters) {
            Component component = adapter.component();
            adapter.modules().forEach((module, pair) -> {
                tensors.put(LoraNames.kohya(component, module, twoTextEncoders, Part.DOWN), down(pair));
                tensors.put(LoraNames.kohya(component, module, twoTextEncoders, Part.UP), up(pair));
                tensors.put(
                        LoraNames.kohya(component, module, twoTextEncoders, Part.ALPHA),
                        TensorData.of(new float[] {(float) pair.alpha()}));
            });
        }
        return tensors;
    }

    private static Map<String, String> networkMetadata(Collection<LoraWeights> adapters) {
        int rank = adapters.stream().mapToInt(LoraWeights::rank).max().orElse(0);
        double alpha = adapters.stream()
                .flatMap(adapter -> adapter.modules().values().stream())
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

    private static TensorData down(LoraPair pair) {
        return TensorData.of(pair.down(), pair.downShape());
    }

    private static TensorData up(LoraPair pair) {
        return TensorData.of(pair.up(), pair.upShape());
    }

    private static Map<String, String> withFormat(Map<String, String> metadata) {
        Map<String, String> all = new TreeMap<>(metadata);
        all.put("format", "pt");
        return all;
    }
}
