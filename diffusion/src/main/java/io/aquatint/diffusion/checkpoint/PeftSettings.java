package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * PEFT's settings of an adapter ({@code LoraConfig}): in an {@code adapter_config.json}, or for each component in the metadata
 * {@code lora_adapter_metadata} of a diffusers file, where the keys are prefixed with its name.
 */
final class PeftSettings {
    static final String METADATA = "lora_adapter_metadata";
    static final String CONFIG = "adapter_config.json";

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();
    private static final Map<Component, String> BASE_CLASSES = Map.of(
            Component.UNET, "UNet2DConditionModel",
            Component.TEXT_ENCODER, "CLIPTextModel",
            Component.TEXT_ENCODER_2, "CLIPTextModelWithProjection");

    /** Gives a component's setting by its name, a missing node where there is none. */
    private final Settings settings;

    private interface Settings {
        JsonNode get(Component component, String name);
    }

    private PeftSettings(Settings settings) {
        this.settings = settings;
    }

    static PeftSettings none() {
        return new PeftSettings((component, name) -> MissingNode.getInstance());
    }

    /** What a diffusers file's metadata say. */
    static PeftSettings ofMetadata(Map<String, String> metadata, List<String> problems) {
        String text = metadata.get(METADATA);
        if (text == null) {
            return none();
        }
        try {
            JsonNode all = JSON.readTree(text);
            return new PeftSettings((component, name) -> all.path(component.folder() + "." + name));
        } catch (JsonProcessingException e) {
            problems.add("the metadata " + METADATA + " is no JSON");
            return none();
        }
    }

    /** What an {@code adapter_config.json} says of the one component of its file. */
    static PeftSettings ofConfig(Path config, List<String> problems) {
        try {
            JsonNode all = JSON.readTree(Files.readString(config));
            String kind = all.path("peft_type").asText("LORA");
            if (!kind.equals("LORA")) {
                problems.add(config.getFileName() + " says that it is of the kind " + kind + ", not a LORA");
            }
            return new PeftSettings((component, name) -> all.path(name));
        } catch (JsonProcessingException e) {
            problems.add(config.getFileName() + " is no JSON: " + e.getOriginalMessage());
            return none();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + config + ": " + e, e);
        }
    }

    /** The component that the class of the base model says, where PEFT wrote it down. */
    @Nullable Component component() {
        String name = settings.get(Component.UNET, "auto_mapping")
                .path("base_model_class")
                .asText("");
        return BASE_CLASSES.entrySet().stream()
                .filter(known -> known.getValue().equals(name))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(null);
    }

    /** What these settings ask for that is not implemented. */
    void refuseOthers(Collection<Component> components, List<String> problems) {
        for (Component component : components) {
            if (settings.get(component, "use_dora").asBoolean(false)) {
                problems.add("the adapter of " + component.folder() + " is a DoRA, which is not supported");
            }
            if (settings.get(component, "fan_in_fan_out").asBoolean(false)) {
                problems.add(
                        "the adapter of " + component.folder() + " has fan_in_fan_out = true, which is not supported");
            }
        }
    }

    /** The layer's alpha: of the last pattern that names it, else {@code lora_alpha}, else the rank, which makes the scale 1. */
    double alpha(Component component, String module, long rank) {
        double alpha = settings.get(component, "lora_alpha").asDouble((double) rank);
        for (Map.Entry<String, JsonNode> pattern :
                settings.get(component, "alpha_pattern").properties()) {
            if (names(pattern.getKey(), module)) {
                alpha = pattern.getValue().asDouble(alpha);
            }
        }
        boolean rankStabilised = settings.get(component, "use_rslora").asBoolean(false); // alpha / sqrt(rank)
        return rankStabilised ? alpha * Math.sqrt((double) rank) : alpha;
    }

    /** Patterns are regular expressions for the end of a module's name; tools write plain names, some after a {@code ^}. */
    private static boolean names(String pattern, String module) {
        String name = pattern.replace("\\.", ".");
        if (name.startsWith("^")) {
            return module.equals(name.substring(1));
        }
        return module.equals(name) || module.endsWith("." + name);
    }

    /** The {@code lora_adapter_metadata} of adapters whose scale is 1. */
    static String metadata(Collection<LoraWeights> adapters) {
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        for (LoraWeights adapter : adapters) {
            settings(adapter, LoraPair::rank)
                    .forEach((name, value) -> all.set(adapter.component().folder() + "." + name, value));
        }
        return text(() -> JSON.writeValueAsString(all));
    }

    /** The {@code adapter_config.json} of an adapter. */
    static String config(LoraWeights adapter) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("peft_type", "LORA");
        config.putNull("task_type");
        config.putNull("base_model_name_or_path");
        config.putObject("auto_mapping")
                .put("base_model_class", BASE_CLASSES.get(adapter.component()))
                .put(
                        "parent_library",
                        adapter.component() == Component.UNET
                                ? "diffusers.models.unets.unet_2d_condition"
                                : "transformers.models.clip.modeling_clip");
        settings(adapter, LoraPair::alpha).forEach(config::set);
        config.put("inference_mode", true);
        return text(() -> JSON.writerWithDefaultPrettyPrinter().writeValueAsString(config) + "\n");
    }

    private interface Writing {
        String get() throws JsonProcessingException;
    }

    private static String text(Writing writing) {
        try {
            return writing.get();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree can always be written", e);
        }
    }

    private static Map<String, JsonNode> settings(LoraWeights adapter, Function<LoraPair, ? extends Number> alphaOf) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        Map<String, Double> alphas = new TreeMap<>();
        Map<String, Double> ranks = new TreeMap<>();
        adapter.modules().forEach((module, pair) -> {
            alphas.put(module, alphaOf.apply(pair).doubleValue());
            ranks.put(module, (double) pair.rank());
        });
        ArrayNode targets = json.arrayNode();
        adapter.modules().keySet().forEach(module -> targets.add(targetName(module)));
        Map<String, JsonNode> settings = new TreeMap<>();
        settings.put("r", number(mostFrequent(ranks.values())));
        settings.put("rank_pattern", others(ranks));
        settings.put("lora_alpha", number(mostFrequent(alphas.values())));
        settings.put("alpha_pattern", others(alphas));
        settings.put("target_modules", targets);
        settings.put("lora_dropout", json.numberNode(0.0));
        settings.put("bias", json.textNode("none"));
        settings.put("use_dora", json.booleanNode(false));
        settings.put("use_rslora", json.booleanNode(false));
        return settings;
    }

    /** Readers compare the ends of names, and the modules of some have no leading {@code text_model}. */
    private static String targetName(String module) {
        return module.startsWith("text_model.encoder.") ? module.substring("text_model.".length()) : module;
    }

    private static double mostFrequent(Collection<Double> values) {
        Map<Double, Long> counts =
                values.stream().collect(Collectors.groupingBy(value -> value, TreeMap::new, Collectors.counting()));
        return counts.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
    }

    private static JsonNode others(Map<String, Double> values) {
        double usual = mostFrequent(values.values());
        ObjectNode others = JsonNodeFactory.instance.objectNode();
        values.forEach((module, value) -> {
            if (value != usual) {
                others.set(targetName(module), number(value));
            }
        });
        return others;
    }

    private static JsonNode number(double value) {
        boolean whole = value == Math.rint(value) && Math.abs(value) < 1e15;
        return whole ? JsonNodeFactory.instance.numberNode((long) value) : JsonNodeFactory.instance.numberNode(value);
    }
}
