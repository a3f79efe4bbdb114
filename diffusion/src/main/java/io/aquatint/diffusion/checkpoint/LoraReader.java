package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraNames.Name;
import io.aquatint.diffusion.checkpoint.LoraNames.Part;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads one adapter file of any form, with all that is wrong with it at once. */
final class LoraReader {
    /**
     * The metadata of adapters in original names for a UNet unlike the published ones: the layers of each level, as {@code 1,1,1}.
     */
    static final String LAYERS_PER_BLOCK = "aquatint.layers_per_block";

    private final Path file;
    private final SafetensorsFile tensors;
    private final PeftSettings settings;
    private final List<String> problems = new ArrayList<>();
    private final Map<String, Name> names = new LinkedHashMap<>();

    private LoraReader(Path file) {
        this.file = file;
        this.tensors = Pickled.refuseOrOpen(file);
        Path config = file.resolveSibling(PeftSettings.CONFIG);
        this.settings = file.getFileName().toString().startsWith("adapter_") && Files.isRegularFile(config)
                ? PeftSettings.ofConfig(config, problems)
                : PeftSettings.ofMetadata(tensors.metadata(), problems);
    }

    static LoraFile read(Path file) {
        return new LoraReader(file).read();
    }

    private LoraFile read() {
        parseNames();
        Map<Component, Map<String, Map<Part, String>>> layers = new EnumMap<>(Component.class);
        Optional<OriginalUNetNames> original = originalNames();
        names.forEach((stored, name) -> module(name, original).ifPresent(module -> {
            String previous = layers.computeIfAbsent(name.component(), c -> new TreeMap<>())
                    .computeIfAbsent(module, m -> new EnumMap<>(Part.class))
                    .put(name.part(), stored);
            if (previous != null) {
                problems.add(stored + " is there twice: as " + previous + " too");
            }
        }));
        settings.refuseOthers(layers.keySet(), problems);
        Map<Component, LoraWeights> adapters = new EnumMap<>(Component.class);
        layers.forEach((component, modules) -> {
            Map<String, LoraPair> pairs = new TreeMap<>();
            modules.forEach(
                    (module, parts) -> pair(component, module, parts).ifPresent(pair -> pairs.put(module, pair)));
            if (!pairs.isEmpty()) {
                adapters.put(component, LoraWeights.of(component, pairs));
            }
        });
        if (adapters.isEmpty() && problems.isEmpty()) {
            problems.add("it has no tensors");
        }
        if (!problems.isEmpty()) {
            throw new CheckpointException(file + " is no LoRA that can be read: " + Problems.summary(problems));
        }
        return new LoraFile(file, form(), adapters, tensors.metadata(), dtype());
    }

    private void parseNames() {
        Map<String, List<String>> others = new LinkedHashMap<>();
        List<String> unknown = new ArrayList<>();
        Component assumed = assumedComponent();
        for (String stored : tensors.names()) {
            Optional<Name> name = LoraNames.parse(stored, assumed);
            Optional<String> kind = LoraNames.otherKind(stored);
            if (name.isPresent()) {
                names.put(stored, name.get());
            } else if (kind.isPresent()) {
                others.computeIfAbsent(kind.get(), k -> new ArrayList<>()).add(stored);
            } else {
                unknown.add(stored + " is no tensor of a LoRA of a known form");
            }
        }
        others.forEach((kind, its) ->
                problems.add("it is %s (%s%s), which is not supported, only plain pairs of down and up are"
                        .formatted(kind, its.get(0), its.size() == 1 ? "" : " and " + (its.size() - 1) + " more")));
        problems.addAll(unknown);
    }

    /** PEFT's files hold one component and do not name it: the folder or the settings may. */
    private @Nullable Component assumedComponent() {
        Path parent = file.toAbsolutePath().getParent();
        String folder = parent == null || parent.getFileName() == null
                ? ""
                : parent.getFileName().toString();
        for (Component component : Component.values()) {
            if (component.folder().equals(folder)) {
                return component;
            }
        }
        return settings.component();
    }

    private Optional<OriginalUNetNames> originalNames() {
        List<String> originals = names.values().stream()
                .filter(Name::original)
                .map(Name::module)
                .distinct()
                .toList();
        Optional<OriginalUNetNames> found = statedNames()
                .filter(stated -> strange(stated, originals).isEmpty())
                .or(() -> OriginalUNetNames.impliedByOriginal(originals));
        if (found.isEmpty()) {
            List<String> strange = strange(OriginalUNetNames.uniform(2), originals);
            problems.add("these are no layers of one UNet in the original layout: " + Problems.summary(strange));
        }
        return found;
    }

    private static List<String> strange(OriginalUNetNames names, List<String> originals) {
        return originals.stream()
                .filter(original -> names.toDiffusers(original).isEmpty())
                .toList();
    }

    private Optional<OriginalUNetNames> statedNames() {
        String stated = tensors.metadata().getOrDefault(LAYERS_PER_BLOCK, "");
        if (!stated.matches("[1-9](,[1-9]){0,15}")) {
            return Optional.empty();
        }
        return Optional.of(OriginalUNetNames.reading(
                Arrays.stream(stated.split(",")).map(Integer::valueOf).toList()));
    }

    static String layersPerBlock(OriginalUNetNames names) {
        return names.layersPerBlock().stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private static Optional<String> module(Name name, Optional<OriginalUNetNames> original) {
        return name.original()
                ? original.flatMap(names -> names.toDiffusers(name.module()))
                : Optional.of(name.module());
    }

    private Optional<LoraPair> pair(Component component, String module, Map<Part, String> parts) {
        String down = parts.get(Part.DOWN);
        String up = parts.get(Part.UP);
        String alpha = parts.get(Part.ALPHA);
        if (down == null || up == null) {
            problems.add(module + " lacks its " + (down == null ? "down" : "up") + " tensor");
            return Optional.empty();
        }
        if (tensors.info(down).shape().isEmpty()) {
            problems.add(module + " down is a scalar");
            return Optional.empty();
        }
        for (String stored : parts.values()) {
            if (!tensors.info(stored).dtype().isFloatingPoint()) {
                problems.add("%s is of %s, not of floating point numbers"
                        .formatted(stored, tensors.info(stored).dtype()));
                return Optional.empty();
            }
        }
        if (alpha != null && tensors.info(alpha).elements() != 1) {
            problems.add(module + " has an alpha that is no single number");
            return Optional.empty();
        }
        double strength = alpha != null
                ? tensors.read(alpha).toFloats()[0]
                : settings.alpha(component, module, tensors.info(down).shape().get(0));
        try {
            return Optional.of(new LoraPair(
                    tensors.read(down).toFloats(),
                    tensors.info(down).dimensions(),
                    tensors.read(up).toFloats(),
                    tensors.info(up).dimensions(),
                    strength));
        } catch (IllegalArgumentException e) {
            problems.add("%s: %s (down %s, up %s)"
                    .formatted(
                            module,
                            e.getMessage(),
                            tensors.info(down).shape(),
                            tensors.info(up).shape()));
            return Optional.empty();
        }
    }

    private LoraForm form() {
        return mostFrequent(names.values().stream().map(Name::form).toList());
    }

    private DType dtype() {
        return mostFrequent(names.entrySet().stream()
                .filter(name -> name.getValue().part() != Part.ALPHA)
                .map(name -> tensors.info(name.getKey()).dtype())
                .toList());
    }

    private static <T extends Comparable<T>> T mostFrequent(Collection<T> values) {
        Map<T, Long> counts =
                values.stream().collect(Collectors.groupingBy(value -> value, TreeMap::new, Collectors.counting()));
        return counts.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
    }
}
