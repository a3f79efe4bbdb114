package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Writes base models, one tensor at a time: the heap holds the largest at most. */
public final class ModelWriter {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> NETWORKS = List.of("unet", "vae", "text_encoder", "text_encoder_2");
    private static final List<String> TOKENIZERS = List.of("tokenizer", "tokenizer_2");

    private ModelWriter() {}

    /**
     * Writes a folder in diffusers layout. Of what a folder may have besides (a safety checker, a feature extractor) nothing is
     * carried over.
     *
     * @param folder is made; may be there if it is empty
     */
    public static void diffusersFolder(ModelSource model, Path folder) {
        try {
            Files.createDirectories(folder);
            try (Stream<Path> files = Files.list(folder)) {
                if (files.findAny().isPresent()) {
                    throw new CheckpointException(folder + " is not empty: name a new folder");
                }
            }
            for (String component : NETWORKS) {
                if (model.has(component)) {
                    Path own = Files.createDirectory(folder.resolve(component));
                    json(own.resolve("config.json"), model.config(component).root());
                    String stem = component.startsWith("text") ? "model" : "diffusion_pytorch_model";
                    SafetensorsWriter.write(
                            own.resolve(stem + ".safetensors"), model.weights(component), Map.of("format", "pt"));
                }
            }
            Path scheduler = Files.createDirectory(folder.resolve("scheduler"));
            json(
                    scheduler.resolve("scheduler_config.json"),
                    model.config("scheduler").root());
            for (String component : TOKENIZERS) {
                if (model.has(component)) {
                    copyTokenizer(model.tokenizerFolder(component), Files.createDirectory(folder.resolve(component)));
                }
            }
            json(folder.resolve("model_index.json"), index(model)); // last: without it the folder is no model
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + folder + ": " + e, e);
        }
    }

    private static void copyTokenizer(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, to.resolve(file.getFileName().toString()));
            }
        }
    }

    private static ObjectNode index(ModelSource model) {
        boolean large = model.architecture() == Architecture.STABLE_DIFFUSION_XL;
        ObjectNode index = JSON.createObjectNode();
        index.put("_class_name", large ? "StableDiffusionXLPipeline" : "StableDiffusionPipeline");
        index.put("_diffusers_version", "0.30.0"); // any of the last years reads it
        Map<String, List<String>> classes = new LinkedHashMap<>();
        classes.put("scheduler", List.of("diffusers", model.config("scheduler").text("_class_name", "DDIMScheduler")));
        classes.put("text_encoder", List.of("transformers", "CLIPTextModel"));
        classes.put("tokenizer", List.of("transformers", "CLIPTokenizer"));
        classes.put("unet", List.of("diffusers", "UNet2DConditionModel"));
        classes.put("vae", List.of("diffusers", "AutoencoderKL"));
        if (large) {
            classes.put("text_encoder_2", List.of("transformers", "CLIPTextModelWithProjection"));
            classes.put("tokenizer_2", List.of("transformers", "CLIPTokenizer"));
            index.put("force_zeros_for_empty_prompt", model.zerosForAbsentNegativePrompt());
        } else {
            index.set("safety_checker", JSON.createArrayNode().addNull().addNull());
            index.put("requires_safety_checker", false);
        }
        index.set("feature_extractor", JSON.createArrayNode().addNull().addNull());
        classes.forEach((component, names) -> index.set(component, JSON.valueToTree(names)));
        return index;
    }

    private static void json(Path file, Object content) throws IOException {
        Files.writeString(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n");
    }

    /**
     * Writes one file in the original layout, which A1111, ComfyUI and kohya's scripts read. It says in its metadata, and where it
     * is not what its family does in the tensors {@code v_pred} and {@code ztsnr}, what the network predicts.
     *
     * @return what a reader cannot know of this model, for the file has no configs: sentences for the person; empty for a model of
     *     a published shape
     */
    public static List<String> singleFile(ModelSource model, Path file) {
        ModelConfig scheduler = model.config("scheduler");
        String prediction = scheduler.text("prediction_type", "epsilon");
        if (!Set.of("epsilon", "v_prediction").contains(prediction)) {
            throw scheduler.unsupported("prediction_type");
        }
        boolean velocity = prediction.equals("v_prediction");
        Map<String, TensorData> markers = new LinkedHashMap<>();
        if (velocity && model.architecture() != Architecture.STABLE_DIFFUSION_2) {
            markers.put("v_pred", TensorData.of(new float[0], 0));
        }
        if (scheduler.flag("rescale_betas_zero_snr", false)) {
            markers.put("ztsnr", TensorData.of(new float[0], 0));
        }
        Map<String, String> metadata = new TreeMap<>(KohyaMetadata.ofBase(model.architecture(), velocity));
        metadata.put("format", "pt");
        OriginalTensors tensors = new OriginalTensors(model, markers);
        SafetensorsWriter.write(file, tensors, metadata);
        return notInShapes(model, file);
    }

    /** Where the published configs, which a reader takes, say otherwise than the model's. */
    private static List<String> notInShapes(ModelSource model, Path file) {
        List<String> differences = new ArrayList<>();
        ModelSource written;
        try {
            written = ModelSource.open(file);
        } catch (CheckpointException e) {
            return List.of("without its configs it cannot be read: " + e.getMessage());
        }
        Map<String, List<String>> keys = Map.of(
                "unet", List.of("attention_head_dim", "norm_num_groups"),
                "vae", List.of("scaling_factor", "norm_num_groups"),
                "text_encoder", List.of("num_attention_heads", "hidden_act"));
        new TreeMap<>(keys)
                .forEach((component, its) -> its.forEach(key -> {
                    JsonNode stated = model.config(component).value(key);
                    JsonNode derived = written.config(component).value(key);
                    if (model.config(component).has(key) && !same(stated, derived)) {
                        differences.add(
                                "the %s's %s is %s, but readers take %s".formatted(component, key, stated, derived));
                    }
                }));
        return differences;
    }

    /** A number stands for a list of it. */
    private static boolean same(JsonNode stated, JsonNode derived) {
        if (stated.isArray() != derived.isArray()) {
            JsonNode one = stated.isArray() ? derived : stated;
            JsonNode list = stated.isArray() ? stated : derived;
            return list.valueStream().allMatch(one::equals);
        }
        return stated.equals(derived);
    }
}
