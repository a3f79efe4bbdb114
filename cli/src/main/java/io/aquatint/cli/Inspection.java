package io.aquatint.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.Contents;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.pipeline.WeightCheck;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a file or a folder holds, in numbers.
 *
 * @param kind base-model, networks, lora, textual-inversion, training-state or other
 * @param description a sentence for a person
 * @param architecture of the base model, as far as it is known
 * @param problem what is wrong with a base model whose headers can be read
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Inspection(
        String path,
        String kind,
        String description,
        @Nullable String architecture,
        List<Part> parts,
        @Nullable Lora lora,
        @Nullable Word word,
        @Nullable String predictionType,
        SafetensorsFile.@Nullable Hashes sha256,
        Map<String, String> metadata,
        @Nullable String problem) {

    /** A component's or a file's tensors. */
    record Part(String name, int tensors, long parameters, long bytes, Map<String, Integer> types) {}

    record Lora(String form, List<Adapter> components) {}

    /**
     * @param ranks how many layers have each
     * @param alphas the same
     * @param modules the same, of layers that are named alike
     * @param norms the Frobenius norm of the change of each block's weights; no number where a weight is none
     */
    record Adapter(
            String component,
            int layers,
            Map<Integer, Integer> ranks,
            Map<Double, Integer> alphas,
            Map<String, Integer> modules,
            Map<String, Double> norms) {}

    record Word(String form, String token, int vectors, List<Integer> channels) {}

    /**
     * @param config a folder with the configs of a single file; null to derive them
     * @throws CheckpointException if nothing can be said of it
     */
    static Inspection of(Path path, @Nullable Path config) {
        Contents contents = config == null ? Contents.of(path) : Contents.of(path, config);
        List<Part> parts = new ArrayList<>();
        contents.parts().tensors().forEach((name, tensors) -> parts.add(part(name, tensors)));
        Builder builder =
                new Builder(path, parts, new TreeMap<>(contents.parts().metadata()));
        if (contents instanceof Contents.BaseModel base) {
            return builder.base(base);
        }
        if (contents instanceof Contents.Lora lora) {
            return builder.lora(lora.file());
        }
        if (contents instanceof Contents.Word word) {
            return builder.word(word);
        }
        if (contents instanceof Contents.Networks networks) {
            return builder.of(
                    "networks", "networks in diffusers' names", networks.architecture(), null, null, null, null);
        }
        if (contents instanceof Contents.TrainingState) {
            return builder.of("training-state", "the state of a training", Optional.empty(), null, null, null, null);
        }
        Contents.Other other = (Contents.Other) contents;
        return builder.of("other", other.description(), Optional.empty(), null, null, null, null);
    }

    private static Part part(String name, TensorSource tensors) {
        long parameters = 0;
        long bytes = 0;
        Map<String, Integer> types = new TreeMap<>();
        for (String tensor : tensors.names()) {
            TensorInfo info = tensors.info(tensor);
            parameters += info.elements();
            bytes += info.elements() * info.dtype().bytes();
            types.merge(info.dtype().name(), 1, Integer::sum);
        }
        return new Part(name, tensors.names().size(), parameters, bytes, types);
    }

    private record Builder(Path path, List<Part> parts, Map<String, String> metadata) {
        Inspection base(Contents.BaseModel base) {
            ModelSource model = base.model();
            String form = base.isSingleFile() ? "a single file of the original layout" : "a diffusers folder";
            String problem = null;
            try {
                WeightCheck.verify(model);
            } catch (CheckpointException | UnsupportedModelException e) {
                problem = e.getMessage();
            }
            return of(
                    "base-model",
                    "a base model: " + form,
                    Optional.of(model.architecture()),
                    null,
                    null,
                    model.config("scheduler").text("prediction_type", "epsilon"),
                    problem);
        }

        Inspection lora(LoraFile file) {
            String form =
                    switch (file.form()) {
                        case DIFFUSERS -> "diffusers'";
                        case PEFT -> "PEFT's";
                        case KOHYA -> "kohya's";
                    };
            Lora lora = new Lora(
                    file.form().name().toLowerCase(Locale.ROOT),
                    file.weights().stream().map(Inspection::adapter).toList());
            return of("lora", "a LoRA in " + form + " form", file.architecture(), lora, null, null, null);
        }

        Inspection word(Contents.Word contents) {
            TextualInversion word = contents.word();
            List<Integer> channels = new ArrayList<>(List.of(word.vectors().get(0).length));
            List<float[]> second = word.secondVectors();
            if (second != null) {
                channels.add(second.get(0).length);
            }
            String form = contents.form().name().toLowerCase(Locale.ROOT);
            return of(
                    "textual-inversion",
                    "a textual inversion in " + (form.equals("a1111") ? "A1111's" : "diffusers'") + " form",
                    Optional.of(Architecture.STABLE_DIFFUSION_XL).filter(large -> second != null),
                    null,
                    new Word(form, word.token(), word.vectors().size(), channels),
                    null,
                    null);
        }

        Inspection of(
                String kind,
                String description,
                Optional<Architecture> architecture,
                @Nullable Lora lora,
                @Nullable Word word,
                @Nullable String predictionType,
                @Nullable String problem) {
            return new Inspection(
                    path.toString(),
                    kind,
                    description,
                    architecture.map(Architecture::title).orElse(null),
                    parts,
                    lora,
                    word,
                    predictionType,
                    Files.isRegularFile(path) ? SafetensorsFile.open(path).hashes() : null,
                    metadata,
                    problem);
        }
    }

    private static Adapter adapter(LoraWeights adapter) {
        Map<String, Double> squares = new TreeMap<>(Comparator.comparing(Inspection::sortable));
        LoraArithmetic.norms(adapter).forEach((module, norm) -> squares.merge(block(module), norm * norm, Double::sum));
        squares.replaceAll((block, sum) -> Math.sqrt(sum));
        return new Adapter(
                adapter.component().folder(),
                adapter.modules().size(),
                counts(adapter, entry -> entry.getValue().rank()),
                counts(adapter, entry -> entry.getValue().alpha()),
                counts(adapter, entry -> module(entry.getKey())),
                squares);
    }

    private static <K> Map<K, Integer> counts(LoraWeights adapter, Function<Map.Entry<String, LoraPair>, K> key) {
        return adapter.modules().entrySet().stream()
                .collect(Collectors.toMap(key, entry -> 1, Integer::sum, TreeMap::new));
    }

    /** {@code down_blocks.1}, {@code mid_block}, {@code layers.11}, {@code conv_in}. */
    private static String block(String module) {
        String[] path = module.replaceFirst("^text_model\\.encoder\\.", "").split("\\.", -1);
        return path.length > 1 && path[1].matches("\\d{1,3}") ? path[0] + "." + path[1] : path[0];
    }

    private static String sortable(String block) {
        return block.replaceFirst("\\.(\\d)$", ".0$1");
    }

    /** A layer's name without where it is: {@code attn2.to_out.0}, {@code mlp.fc1}, {@code conv1}. */
    private static String module(String name) {
        return name.replaceFirst(
                ".*\\b(attentions|transformer_blocks|resnets|layers|downsamplers|upsamplers)\\.\\d+\\.", "");
    }

    String toJson() {
        try {
            return new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(this);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
