package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntPredicate;

/**
 * Whole networks that took a base model's places, several in one file: each tensor is named by its component and by its name there,
 * {@code unet.conv_in.weight}, as in LoRA files of diffusers. They are read and written one tensor at a time.
 */
public final class NetworkFiles {
    private static final Set<String> COMPONENTS = Set.of("unet", "text_encoder", "text_encoder_2");

    private NetworkFiles() {}

    /** @param networks by their folders in diffusers layout */
    public static void write(Path file, Map<String, TensorSource> networks, Map<String, String> metadata) {
        Map<String, String> header = new TreeMap<>(metadata);
        header.put("format", "pt");
        SafetensorsWriter.write(file, new Together(new TreeMap<>(networks)), header);
    }

    /**
     * The networks of a file, by their folders in diffusers layout. The file is mapped, not read.
     *
     * @throws CheckpointException if it holds something else
     */
    public static Map<String, TensorSource> read(Path path) {
        SafetensorsFile file = Pickled.refuseOrOpen(path);
        Map<String, Set<String>> names = new TreeMap<>();
        for (String name : file.names()) {
            String component = componentOf(name);
            if (!COMPONENTS.contains(component)) {
                throw new SafetensorsException(
                        path, name, "is of no network: the names begin with unet., text_encoder. or text_encoder_2.");
            }
            names.computeIfAbsent(component, key -> new LinkedHashSet<>()).add(name.substring(component.length() + 1));
        }
        Map<String, TensorSource> networks = new LinkedHashMap<>();
        names.forEach((component, its) -> networks.put(component, new Part(file, component + ".", its)));
        return networks;
    }

    /**
     * Checks networks against those of a base model whose places they take: the same tensors of the same shapes, and all values
     * numbers.
     *
     * @throws CheckpointException with all that is wrong
     */
    public static void verify(ModelSource base, Map<String, TensorSource> networks) {
        List<String> problems = new ArrayList<>();
        networks.forEach((component, network) -> {
            if (!base.has(component)) {
                problems.add("the base has no " + component);
                return;
            }
            TensorSource original = base.weights(component);
            for (String name : original.names()) {
                if (!network.names().contains(name)) {
                    if (original.info(name).dtype() == DType.I64) {
                        continue; // position_ids, which older files have: no weight
                    }
                    problems.add("%s %s is missing".formatted(component, name));
                } else if (!network.info(name)
                        .shape()
                        .equals(original.info(name).shape())) {
                    problems.add("%s %s has the shape %s, not %s"
                            .formatted(
                                    component,
                                    name,
                                    network.info(name).shape(),
                                    original.info(name).shape()));
                } else if (!finite(network.read(name))) {
                    problems.add("%s %s holds values that are no numbers".formatted(component, name));
                }
            }
            network.names().stream()
                    .filter(name -> !original.names().contains(name))
                    .forEach(name -> problems.add("%s %s is too much".formatted(component, name)));
        });
        if (!problems.isEmpty()) {
            throw new CheckpointException(
                    "the networks do not fit %s: %s".formatted(base.path(), Problems.summary(problems)));
        }
    }

    /** A base model with networks in the places of its own. */
    public static ModelSource over(ModelSource base, Map<String, TensorSource> networks) {
        return new Over(base, networks);
    }

    /** Without a copy in float: a network has gigabytes. */
    private static boolean finite(TensorData tensor) {
        ByteBuffer bytes = tensor.bytes();
        return switch (tensor.info().dtype()) {
            case F32 -> allFinite(bytes, 4, at -> (bytes.getInt(at) & 0x7f80_0000) != 0x7f80_0000);
            case F16 -> allFinite(bytes, 2, at -> (bytes.getShort(at) & 0x7c00) != 0x7c00);
            case BF16 -> allFinite(bytes, 2, at -> (bytes.getShort(at) & 0x7f80) != 0x7f80);
            default -> true;
        };
    }

    private static boolean allFinite(ByteBuffer bytes, int width, IntPredicate finiteAt) {
        for (int at = 0; at < bytes.limit(); at += width) {
            if (!finiteAt.test(at)) {
                return false;
            }
        }
        return true;
    }

    private static String componentOf(String name) {
        int dot = name.indexOf('.');
        return dot < 0 ? "" : name.substring(0, dot);
    }

    private record Over(ModelSource base, Map<String, TensorSource> networks) implements ModelSource {
        @Override
        public Path path() {
            return base.path();
        }

        @Override
        public Architecture architecture() {
            return base.architecture();
        }

        @Override
        public boolean has(String component) {
            return base.has(component);
        }

        @Override
        public ModelConfig config(String component) {
            return base.config(component);
        }

        @Override
        public TensorSource weights(String component) {
            TensorSource network = networks.get(component);
            return network == null ? base.weights(component) : network;
        }

        @Override
        public Path tokenizerFolder(String component) {
            return base.tokenizerFolder(component);
        }
    }

    /** Several networks as one source. */
    private record Together(Map<String, TensorSource> networks) implements TensorSource {
        @Override
        public Set<String> names() {
            Set<String> names = new LinkedHashSet<>();
            networks.forEach(
                    (component, network) -> network.names().forEach(name -> names.add(component + "." + name)));
            return names;
        }

        @Override
        public TensorInfo info(String name) {
            return network(name).info(name.substring(componentOf(name).length() + 1));
        }

        @Override
        public TensorData read(String name) {
            return network(name).read(name.substring(componentOf(name).length() + 1));
        }

        @Override
        public String describe() {
            return String.join(", ", networks.keySet());
        }

        private TensorSource network(String name) {
            TensorSource network = networks.get(componentOf(name));
            if (network == null) {
                throw new CheckpointException(describe() + ": there is no tensor " + name);
            }
            return network;
        }
    }

    /** One network of a file. */
    private record Part(SafetensorsFile file, String prefix, Set<String> names) implements TensorSource {
        @Override
        public TensorInfo info(String name) {
            return file.info(prefix + name);
        }

        @Override
        public TensorData read(String name) {
            return file.read(prefix + name);
        }

        @Override
        public String describe() {
            return file.describe();
        }

        @Override
        public String nameInFile(String name) {
            return prefix + name;
        }
    }
}
