package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A model in diffusers layout: {@code model_index.json} names the components, each a folder with a {@code config.json} and
 * its weights as safetensors (one file or shards with an index; full precision first, else {@code fp16}, else the only other
 * variant). Pickled weights are refused: loading them can run code.
 */
public final class DiffusersFolder implements ModelSource {
    private static final ObjectMapper JSON = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);
    private static final List<String> STEMS = List.of("diffusion_pytorch_model", "model", "pytorch_model");

    private static final String ADDITION = "addition_embed_type";
    private static final String MODEL_INDEX = "model_index.json";
    private static final String INDEX = ".safetensors.index.";
    private static final Set<String> COMPONENTS =
            Set.of("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler");

    private final Path path;
    private final ObjectNode modelIndex;

    private DiffusersFolder(Path path, ObjectNode modelIndex) {
        this.path = path;
        this.modelIndex = modelIndex;
    }

    /** @throws CheckpointException where the path is no model in diffusers layout */
    public static DiffusersFolder open(Path path) {
        if (Files.isRegularFile(path)) {
            throw new CheckpointException(
                    path + " is a file: a base model is a folder in diffusers layout, with a model_index.json");
        }
        if (!Files.isDirectory(path)) {
            throw new CheckpointException("there is no model folder " + path);
        }
        return new DiffusersFolder(path, readObject(path.resolve(MODEL_INDEX)));
    }

    /**
     * Of the files of a whole folder, those that are read: published folders have the same weights in several forms.
     *
     * @param files all names, relative to the folder, with slashes
     * @throws CheckpointException where a component's only weights are pickled
     */
    public static List<String> needed(List<String> files) {
        List<String> needed = new ArrayList<>();
        Map<String, List<String>> components = new TreeMap<>();
        for (String file : files) {
            String[] path = file.split("/", -1);
            if (path.length == 2 && COMPONENTS.contains(path[0])) {
                components.computeIfAbsent(path[0], name -> new ArrayList<>()).add(path[1]);
            } else if (file.equals(MODEL_INDEX)) {
                needed.add(file);
            }
        }
        components.forEach((component, names) -> {
            List<String> weights = neededWeights(names);
            if (weights.isEmpty() && names.stream().anyMatch(Pickled::hasSuffix)) {
                throw noWeights(component, names);
            }
            for (String name : names) {
                boolean setting = (name.endsWith(".json") && !name.contains(INDEX)) || name.endsWith(".txt");
                if (setting || weights.contains(name)) {
                    needed.add(component + "/" + name);
                }
            }
        });
        return needed;
    }

    /** What {@link #weights} would read: full precision first, then {@code fp16}, then whatever there is. */
    private static List<String> neededWeights(List<String> names) {
        for (String variant : List.of("", "\\.fp16")) {
            for (String stem : STEMS) {
                Pattern pattern = Pattern.compile("%s(%s)?(-\\d+-of-\\d+)?(%s)?\\.safetensors(\\.index%s\\.json)?"
                        .formatted(stem, variant, variant, variant));
                List<String> found = names.stream()
                        .filter(name -> pattern.matcher(name).matches())
                        .filter(name -> variant.isEmpty() || name.contains(".fp16"))
                        .toList();
                if (!found.isEmpty()) {
                    return found;
                }
            }
        }
        return names.stream()
                .filter(name -> name.endsWith(".safetensors") || name.contains(INDEX))
                .toList();
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public boolean zerosForAbsentNegativePrompt() {
        return architecture() == Architecture.STABLE_DIFFUSION_XL
                && modelIndex.path("force_zeros_for_empty_prompt").asBoolean(true);
    }

    /**
     * The family, from the pipeline's class and the UNet's config: what sets Stable Diffusion 2's UNet apart from 1's are linear
     * projections around its transformers and a list of head counts.
     */
    @Override
    public Architecture architecture() {
        switch (pipelineClass()) {
            case "StableDiffusionPipeline" -> {
                ModelConfig unet = config("unet");
                if (unet.has(ADDITION)) {
                    throw unet.unsupported(ADDITION, "of a UNet in a StableDiffusionPipeline");
                }
                boolean second = unet.flag("use_linear_projection", false) || unet.isList("attention_head_dim");
                return second ? Architecture.STABLE_DIFFUSION_2 : Architecture.STABLE_DIFFUSION_1;
            }
            case "StableDiffusionXLPipeline" -> {
                ModelConfig unet = config("unet");
                if (!unet.has(ADDITION)) {
                    throw unet.unsupported(ADDITION, "of a UNet in a StableDiffusionXLPipeline");
                }
                return Architecture.STABLE_DIFFUSION_XL;
            }
            default ->
                throw new UnsupportedModelException(path.resolve(MODEL_INDEX) + ": the pipeline _class_name = "
                        + pipelineClass() + " is not supported; StableDiffusionPipeline (1.x, 2.x) and"
                        + " StableDiffusionXLPipeline are");
        }
    }

    public JsonNode modelIndex() {
        return modelIndex;
    }

    /** The pipeline's class, for example {@code StableDiffusionPipeline}. */
    public String pipelineClass() {
        return modelIndex.path("_class_name").asText("");
    }

    /** The names of the components that the index does not set to null. */
    public Set<String> components() {
        Set<String> components = new TreeSet<>();
        modelIndex.properties().forEach(entry -> {
            if (entry.getValue().isArray() && entry.getValue().path(1).isTextual()) {
                components.add(entry.getKey());
            }
        });
        return components;
    }

    @Override
    public boolean has(String component) {
        return components().contains(component);
    }

    /** The class that the index gives a component, for example {@code CLIPTextModel}. */
    public Optional<String> componentClass(String component) {
        JsonNode name = modelIndex.path(component).path(1);
        return name.isTextual() ? Optional.of(name.asText()) : Optional.empty();
    }

    /** @throws CheckpointException where the folder is missing */
    public Path componentFolder(String component) {
        Path folder = path.resolve(component);
        if (!Files.isDirectory(folder)) {
            throw new CheckpointException(path + " has no folder " + component);
        }
        return folder;
    }

    /** A component's {@code config.json}, of the scheduler its {@code scheduler_config.json}. */
    @Override
    public ModelConfig config(String component) {
        String file = component.equals("scheduler") ? "scheduler_config.json" : "config.json";
        return ModelConfig.read(componentFolder(component).resolve(file));
    }

    /**
     * A component's weights. Published autoencoders have the legacy names {@code query}, {@code key}, {@code value} and
     * {@code proj_attn}; they come under today's.
     *
     * @throws CheckpointException where there are none, where they are pickled, or where several variants leave a choice
     */
    @Override
    public TensorSource weights(String component) {
        TensorSource stored = storedWeights(component);
        return new ConfiguredTensors(
                component.equals("vae") ? stored.renamed(LegacyNames::current) : stored,
                component,
                () -> config(component));
    }

    @Override
    public Path tokenizerFolder(String component) {
        return componentFolder(component);
    }

    private TensorSource storedWeights(String component) {
        return weightsIn(componentFolder(component));
    }

    /** The weights in a component's folder. */
    static TensorSource weightsIn(Path folder) {
        List<String> files = fileNames(folder);
        for (String variant : List.of("", ".fp16")) {
            for (String stem : STEMS) {
                Optional<TensorSource> found = weights(folder, files, stem, variant);
                if (found.isPresent()) {
                    return found.get();
                }
            }
        }
        return otherVariant(folder, files).orElseThrow(() -> noWeights(folder, files));
    }

    private static Optional<TensorSource> weights(Path folder, List<String> files, String stem, String variant) {
        String single = stem + variant + ".safetensors";
        if (files.contains(single)) {
            return Optional.of(SafetensorsFile.open(folder.resolve(single)));
        }
        String index = stem + ".safetensors.index" + variant + ".json";
        if (files.contains(index)) {
            return Optional.of(sharded(folder.resolve(index)));
        }
        return Optional.empty();
    }

    /** A component with one single variant, whatever its name, leaves no choice. */
    private static Optional<TensorSource> otherVariant(Path folder, List<String> files) {
        List<String> variants = files.stream()
                .filter(file -> file.endsWith(".safetensors") || file.contains(INDEX))
                .toList();
        List<String> indices =
                variants.stream().filter(file -> file.endsWith(".json")).toList();
        if (indices.size() == 1) {
            return Optional.of(sharded(folder.resolve(indices.get(0))));
        }
        if (variants.size() == 1) {
            return Optional.of(SafetensorsFile.open(folder.resolve(variants.get(0))));
        }
        if (variants.isEmpty()) {
            return Optional.empty();
        }
        throw new CheckpointException(folder + " has several weights and none of a known name: " + variants);
    }

    private static CheckpointException noWeights(Object folder, List<String> files) {
        List<String> pickled = files.stream().filter(Pickled::hasSuffix).toList();
        if (pickled.isEmpty()) {
            return new CheckpointException(
                    folder + " has no weights: expected diffusion_pytorch_model.safetensors" + " or model.safetensors");
        }
        return new CheckpointException(
                folder + " has only pickled weights (" + String.join(", ", pickled) + "): " + Pickled.REASON);
    }

    private static TensorSource sharded(Path index) {
        JsonNode weightMap = readObject(index).path("weight_map");
        if (!weightMap.isObject() || weightMap.isEmpty()) {
            throw new CheckpointException(index + " has no weight_map");
        }
        Map<String, SafetensorsFile> files = new LinkedHashMap<>();
        Map<String, SafetensorsFile> shardOf = new LinkedHashMap<>();
        Set<String> problems = new LinkedHashSet<>();
        weightMap.properties().forEach(entry -> {
            String file = entry.getValue().asText();
            Path shard = index.resolveSibling(file);
            if (!shard.normalize().startsWith(index.resolveSibling("").normalize()) || !Files.isRegularFile(shard)) {
                problems.add("the shard " + file + " is missing");
                return;
            }
            SafetensorsFile opened = files.computeIfAbsent(file, name -> SafetensorsFile.open(shard));
            if (!opened.names().contains(entry.getKey())) {
                problems.add(file + " lacks " + entry.getKey());
            }
            shardOf.put(entry.getKey(), opened);
        });
        if (!problems.isEmpty()) {
            throw new CheckpointException(index + ": " + String.join("; ", problems));
        }
        return new ShardedTensorSource(index.toString(), shardOf);
    }

    private static List<String> fileNames(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e, e);
        }
    }

    private static ObjectNode readObject(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(file.getParent() + " has no " + file.getFileName());
        }
        try {
            if (JSON.readTree(file.toFile()) instanceof ObjectNode object) {
                return object;
            }
            throw new CheckpointException(file + " is no JSON object");
        } catch (JsonProcessingException e) {
            throw new CheckpointException(file + " is no valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }
}
