package io.aquatint.registry;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.ModelWriter;
import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.training.TrainedFiles;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.TrainingRequested;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes whole networks as folders in diffusers layout, weights and config, that take the place of the base model's, and the whole
 * model as a single file; then reads each again and compares every tensor. One tensor at a time: a network has gigabytes.
 */
final class TunedNetworks {
    private static final Logger LOG = LoggerFactory.getLogger(TunedNetworks.class);

    private TunedNetworks() {}

    /**
     * Writes the files of a version into a folder.
     *
     * @param trained the checkpoint's file
     * @throws CheckpointException with all that does not fit; what was written then is not to be used
     */
    static List<WrittenFile> write(Path trained, ModelSource base, TrainingRequested request, int step, Path folder)
            throws IOException {
        Map<String, TensorSource> networks = NetworkFiles.read(trained);
        Set<String> expected = new TreeSet<>(Set.of("unet"));
        if (request.spec().trainTextEncoder()) {
            expected.add("text_encoder");
            if (base.has("text_encoder_2")) {
                expected.add("text_encoder_2");
            }
        }
        if (!networks.keySet().equals(expected)) {
            throw new CheckpointException("%s has the networks %s, but %s were to be trained"
                    .formatted(trained.getFileName(), networks.keySet(), expected));
        }
        NetworkFiles.verify(base, networks);
        Map<String, String> metadata = Map.of(
                "format", "pt", "aquatint.training", request.trainingId(), "aquatint.step", String.valueOf(step));
        List<WrittenFile> written = new ArrayList<>();
        for (Map.Entry<String, TensorSource> network : networks.entrySet()) {
            String component = network.getKey();
            Path weights = folder.resolve(TrainedFiles.network(component));
            Files.createDirectories(folder.resolve(component));
            SafetensorsWriter.write(weights, network.getValue(), metadata);
            verifyWritten(weights, SafetensorsFile.open(weights), network.getValue());
            Path config = weights.resolveSibling("config.json");
            Files.write(config, base.config(component).toJson());
            written.add(new WrittenFile(ArtifactFormat.DIFFUSERS, weights));
            written.add(new WrittenFile(ArtifactFormat.DIFFUSERS, config));
        }
        ofWholeModel(base, networks, request, folder).ifPresent(written::add);
        return written;
    }

    /** The whole model for tools that know the original layout; empty where such a file could not say all that the configs say. */
    private static Optional<WrittenFile> ofWholeModel(
            ModelSource base, Map<String, TensorSource> networks, TrainingRequested request, Path folder)
            throws IOException {
        Path file = folder.resolve(request.dataset() + "-v" + request.batch() + ".safetensors");
        List<String> unsaid = ModelWriter.singleFile(NetworkFiles.over(base, networks), file);
        if (!unsaid.isEmpty()) {
            LOG.info("{}: no single file is made, for it cannot say that {}", request.trainingId(), unsaid);
            Files.delete(file);
            return Optional.empty();
        }
        ModelSource read = ModelSource.open(file);
        networks.forEach((component, network) -> verifyWritten(file, read.weights(component), network));
        return Optional.of(new WrittenFile(ArtifactFormat.SINGLE_FILE, file));
    }

    private static void verifyWritten(Path file, TensorSource read, TensorSource network) {
        List<String> changed = network.names().stream()
                .filter(name -> !read.names().contains(name) || !read.read(name).equals(network.read(name)))
                .toList();
        if (!changed.isEmpty()) {
            throw new CheckpointException(file.getFileName() + " holds other numbers than were trained in: " + changed);
        }
    }
}
