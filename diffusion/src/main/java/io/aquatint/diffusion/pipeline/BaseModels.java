package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.initializer.BaseModelInitializer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Finds the diffusers folder of a base model: {@code demo} is created on first use in the work folder, everything else is a
 * path. Several processes may share one work folder.
 */
public final class BaseModels {
    /** The name of the small model that is created on first use. */
    public static final String DEMO = "demo";

    private static final long DEMO_SEED = 0;
    private static final String INDEX = "model_index.json";

    private final Path work;

    /** @param work where created models are kept; made when it is missing */
    public BaseModels(Path work) {
        this.work = work;
    }

    /**
     * The diffusers folder of a base model.
     *
     * @throws BaseModelMissingException if there is none of this name
     */
    public synchronized Path folder(String name) {
        if (name.equals(DEMO)) {
            return demo();
        }
        Path path;
        try {
            path = Path.of(name);
        } catch (InvalidPathException e) {
            throw missing(name);
        }
        if (name.isBlank() || !Files.isRegularFile(path.resolve(INDEX))) {
            throw missing(name);
        }
        return path;
    }

    private static BaseModelMissingException missing(String name) {
        return new BaseModelMissingException(
                "base model '%s' is neither '%s' nor a folder with a %s; give the path of a model in diffusers layout"
                        .formatted(name, DEMO, INDEX));
    }

    /** A half-written model must never be found under the final name: it is written beside it, then moved. */
    private Path demo() {
        Path folder = work.resolve(DEMO);
        if (Files.isRegularFile(folder.resolve(INDEX))) {
            return folder;
        }
        try {
            Files.createDirectories(work);
            Path scratch = Files.createTempDirectory(work, DEMO + "-");
            try {
                Path fresh = scratch.resolve(DEMO);
                BaseModelInitializer.create(fresh, DEMO_SEED);
                move(fresh, folder);
            } finally {
                delete(scratch);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create the demo base model in " + work, e);
        }
        return folder;
    }

    private static void move(Path fresh, Path folder) throws IOException {
        try {
            Files.move(fresh, folder, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            // another process may have been first: its model has the same bytes
            if (!Files.isRegularFile(folder.resolve(INDEX))) {
                throw e;
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        List<Path> all;
        try (Stream<Path> paths = Files.walk(folder)) {
            all = paths.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : all) {
            Files.delete(path);
        }
    }
}
