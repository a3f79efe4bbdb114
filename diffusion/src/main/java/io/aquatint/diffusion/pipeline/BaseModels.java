package io.aquatint.diffusion.pipeline;

import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Finds a base model on this machine: {@code demo} is part of the program and unpacked on first use into
 * the work folder, {@code store:KEY} is fetched from an object store, everything else is a path. Several processes may share one work folder.
 */
public final class BaseModels {
    /** The name of the small model that is part of the program. */
    public static final String DEMO = "demo";

    /** What begins the name of a base model in the object store. */
    public static final String IN_STORE = "store:";

    private static final String INDEX = "model_index.json";
    private static final List<String> DEMO_FILES = List.of(
            INDEX,
            "scheduler/scheduler_config.json",
            "text_encoder/config.json",
            "text_encoder/model.safetensors",
            "tokenizer/merges.txt",
            "tokenizer/special_tokens_map.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer/vocab.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/config.json",
            "vae/diffusion_pytorch_model.safetensors");

    private final Path work;
    private final @Nullable Store store;

    /** Where base models are kept that are not on this machine. */
    public interface Store {
        /**
         * Brings an object, or the folder of all objects below a key, to this machine.
         *
         * @param needed of the names below a key, relative to it, those that are wanted
         * @return the file or the folder; empty where there is neither
         */
        Optional<Path> fetch(String key, UnaryOperator<List<String>> needed);
    }

    /** @param work where models are unpacked to; made when it is missing */
    public BaseModels(Path work) {
        this(work, null);
    }

    /** @param store where the names look that begin with {@value #IN_STORE} */
    public BaseModels(Path work, @Nullable Store store) {
        this.work = work;
        this.store = store;
    }

    /**
     * The diffusers folder or the single file of a base model.
     *
     * @throws BaseModelMissingException if there is none of this name
     */
    public synchronized Path path(String name) {
        if (name.equals(DEMO)) {
            return demo();
        }
        if (name.startsWith(IN_STORE)) {
            return fetched(name.substring(IN_STORE.length()));
        }
        Path path;
        try {
            path = Path.of(name);
        } catch (InvalidPathException e) {
            throw missing(name);
        }
        if (name.isBlank() || !(Files.isRegularFile(path) || Files.isRegularFile(path.resolve(INDEX)))) {
            throw missing(name);
        }
        return path;
    }

    private static BaseModelMissingException missing(String name) {
        return new BaseModelMissingException(
                "base model '%s' is neither '%s' nor a folder with a %s nor a file; give the path of a model in diffusers layout or of"
                                .formatted(name, DEMO, INDEX)
                        + " a single .safetensors file, or '" + IN_STORE + "' and its key in the object store");
    }

    private Path fetched(String key) {
        if (store == null) {
            throw new BaseModelMissingException(
                    "base model '%s%s' is in an object store, but there is none here; give a path"
                            .formatted(IN_STORE, key));
        }
        Path path = store.fetch(key, DiffusersFolder::needed)
                .orElseThrow(() -> new BaseModelMissingException(
                        "base model '%s%s': the object store has no object '%s' and none below it; put a single .safetensors file there or the files of a diffusers folder"
                                .formatted(IN_STORE, key, key)));
        if (Files.isDirectory(path) && !Files.isRegularFile(path.resolve(INDEX))) {
            throw new BaseModelMissingException(
                    "base model '%s%s': the object store has objects below '%s', but no %s; put all files of the diffusers folder there"
                            .formatted(IN_STORE, key, key, INDEX));
        }
        return path;
    }

    /** A half-written model must never be found under the final name: it is written beside it, then moved. */
    private Path demo() {
        try {
            Path folder = work.resolve(DEMO + "-" + contents());
            if (Files.isRegularFile(folder.resolve(INDEX))) {
                return folder;
            }
            Files.createDirectories(work);
            Path scratch = Files.createTempDirectory(work, DEMO + "-");
            try {
                Path fresh = scratch.resolve(DEMO);
                for (String file : DEMO_FILES) {
                    unpack(file, fresh.resolve(file));
                }
                move(fresh, folder);
                return folder;
            } finally {
                delete(scratch);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot unpack the demo base model to " + work, e);
        }
    }

    /** In the folder's name, so that a work folder never gives the model of another release. */
    private static String contents() throws IOException {
        CRC32C sum = new CRC32C();
        for (String file : DEMO_FILES) {
            try (InputStream in = open(file)) {
                sum.update(in.readAllBytes());
            }
        }
        return "%08x".formatted(sum.getValue());
    }

    private static void unpack(String file, Path target) throws IOException {
        Files.createDirectories(target.toAbsolutePath().getParent());
        try (InputStream in = open(file)) {
            Files.copy(in, target);
        }
    }

    private static InputStream open(String file) {
        return Objects.requireNonNull(BaseModels.class.getResourceAsStream(DEMO + "/" + file), file);
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
