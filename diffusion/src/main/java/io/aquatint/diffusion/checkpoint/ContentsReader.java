package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.Contents.Parts;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Tells files and folders apart. */
final class ContentsReader {
    private static final List<String> NETWORKS = List.of("unet", "vae", "text_encoder", "text_encoder_2");
    private static final List<String> ORIGINAL = List.of(
            "model.diffusion_model.",
            "first_stage_model.",
            "cond_stage_model.",
            "conditioner.embedders.",
            "control_model.",
            "edm_");

    /** Of OpenCLIP ViT-H; the encoder of 1.x is also the first of XL. */
    private static final int SECOND_WIDTH = 1024;

    private ContentsReader() {}

    static Contents read(Path path) {
        if (Files.isDirectory(path)) {
            return folder(path);
        }
        return file(path, Pickled.refuseOrOpen(path));
    }

    private static Contents folder(Path folder) {
        if (Files.isRegularFile(folder.resolve("model_index.json"))) {
            return baseModel(ModelSource.open(folder));
        }
        if (Files.isRegularFile(folder.resolve("config.json"))) {
            TensorSource weights = DiffusersFolder.weightsIn(folder);
            return Files.isRegularFile(folder.resolve(PeftSettings.CONFIG))
                    ? lora(folder)
                    : network(weights, Map.of()).orElseGet(() -> other(folder.toString(), weights, Map.of()));
        }
        Map<String, TensorSource> networks = new LinkedHashMap<>();
        for (String component : NETWORKS) {
            Path own = folder.resolve(component);
            if (Files.isDirectory(own) && !Files.isRegularFile(own.resolve(LoraFormats.PEFT_NAME))) {
                networks.put(component, DiffusersFolder.weightsIn(own));
            }
        }
        if (!networks.isEmpty()) {
            return new Contents.Networks(new Parts(networks, Map.of()));
        }
        if (Files.isRegularFile(folder.resolve(TextualInversionFiles.DIFFUSERS_NAME))) {
            return read(folder.resolve(TextualInversionFiles.DIFFUSERS_NAME));
        }
        if (isEmpty(folder)) {
            throw new CheckpointException(folder + " is an empty folder");
        }
        return lora(folder);
    }

    private static boolean isEmpty(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isEmpty();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e, e);
        }
    }

    static Contents baseModel(ModelSource model) {
        Map<String, TensorSource> parts = new LinkedHashMap<>();
        for (String component : NETWORKS) {
            if (model.has(component)) {
                parts.put(component, model.weights(component));
            }
        }
        Map<String, String> metadata = Files.isRegularFile(model.path())
                ? SafetensorsFile.open(model.path()).metadata()
                : Map.of();
        return new Contents.BaseModel(model, new Parts(parts, metadata));
    }

    private static Contents lora(Path path) {
        LoraFile lora = LoraFormats.open(path);
        Map<String, TensorSource> files = new LinkedHashMap<>();
        if (Files.isRegularFile(lora.path())) {
            files.put(lora.path().getFileName().toString(), SafetensorsFile.open(lora.path()));
        } else {
            for (Component component : lora.adapters().keySet()) {
                Path part = lora.path().resolve(component.folder()).resolve(LoraFormats.PEFT_NAME);
                files.put(component.folder(), SafetensorsFile.open(part));
            }
        }
        return new Contents.Lora(lora, new Parts(files, lora.metadata()));
    }

    private static Contents file(Path path, SafetensorsFile file) {
        Set<String> names = file.names();
        Map<String, String> metadata = file.metadata();
        if (starts(names, ORIGINAL)) {
            try {
                return baseModel(ModelSource.open(path));
            } catch (UnsupportedModelException e) {
                return other(String.valueOf(e.getMessage()), file, metadata);
            }
        }
        Optional<String> otherKind = names.stream()
                .flatMap(name -> LoraNames.otherKind(name).stream())
                .findFirst();
        if (otherKind.isPresent()) {
            return other(otherKind.get() + ", which is not supported", file, metadata);
        }
        if (names.stream().anyMatch(name -> LoraNames.parse(name, null).isPresent())) {
            return lora(path);
        }
        if (names.contains("exp_avg") || names.contains("exp_avg.0")) {
            return new Contents.TrainingState(parts(path, file));
        }
        Optional<Contents> network = network(file, metadata);
        if (network.isPresent()) {
            return network.get();
        }
        if (TextualInversionFiles.isOne(file)) {
            return new Contents.Word(
                    TextualInversionFiles.read(path), TextualInversionFiles.form(file), parts(path, file));
        }
        return other("safetensors of no kind that is known here", file, metadata);
    }

    private static Parts parts(Path path, SafetensorsFile file) {
        return new Parts(Map.of(path.getFileName().toString(), file), file.metadata());
    }

    private static Contents other(String description, TensorSource tensors, Map<String, String> metadata) {
        return new Contents.Other(description, new Parts(Map.of("tensors", tensors), metadata));
    }

    /** A network alone, by layers that it must have. */
    private static Optional<Contents> network(TensorSource tensors, Map<String, String> metadata) {
        Set<String> names = tensors.names();
        String component = null;
        if (names.contains("conv_in.weight") && names.contains("time_embedding.linear_1.weight")) {
            component = "unet";
        } else if (names.contains("encoder.conv_in.weight") && names.contains("decoder.conv_in.weight")) {
            component = "vae";
        } else if (names.contains("text_model.embeddings.token_embedding.weight")) {
            component = names.contains("text_projection.weight") ? "text_encoder_2" : "text_encoder";
        }
        return Optional.ofNullable(component)
                .map(known -> new Contents.Networks(new Parts(Map.of(known, tensors), metadata)));
    }

    private static boolean starts(Set<String> names, List<String> starts) {
        return names.stream().anyMatch(name -> starts.stream().anyMatch(name::startsWith));
    }

    /** The family that a network's shapes say it is of. */
    static Optional<Architecture> architecture(String component, TensorSource weights) {
        Map<String, ShapeFacts.Fact> facts = ShapeFacts.of(component, weights);
        if (component.equals("unet")) {
            if (facts.containsKey("projection_class_embeddings_input_dim")) {
                return Optional.of(Architecture.STABLE_DIFFUSION_XL);
            }
            ShapeFacts.Fact linear = facts.get("use_linear_projection");
            return Optional.ofNullable(linear)
                    .map(fact -> fact.value().asBoolean()
                            ? Architecture.STABLE_DIFFUSION_2
                            : Architecture.STABLE_DIFFUSION_1);
        }
        if (component.equals("text_encoder_2")) {
            return Optional.of(Architecture.STABLE_DIFFUSION_XL);
        }
        return Optional.ofNullable(facts.get("hidden_size"))
                .filter(width -> width.value().asInt() == SECOND_WIDTH)
                .map(width -> Architecture.STABLE_DIFFUSION_2);
    }
}
