package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Writes adapters that came of others, with what is known of these in the metadata. */
record LoraOutput(Path path, LoraForm form, DType dtype) {
    private static final String EXTENSION = ".safetensors";

    /** What describes one file's tensors and not another's. */
    private static final Set<String> OF_THE_FILE =
            Set.of("format", "sshs_model_hash", "sshs_legacy_hash", "modelspec.hash_sha256");

    /** @param origin the first of those that the adapters came of: its metadata are carried over */
    void write(PrintWriter out, Collection<LoraWeights> adapters, LoraFile origin, Map<String, String> more) {
        Map<String, String> metadata = new TreeMap<>(origin.metadata());
        metadata.keySet().removeAll(OF_THE_FILE);
        metadata.putAll(more);
        LoraWriter writer = new LoraWriter(adapters).dtype(dtype);
        if (form == LoraForm.PEFT) {
            if (path.toString().endsWith(EXTENSION)) {
                throw new CheckpointException("PEFT's form is a folder, but " + path + " is named as a file");
            }
            writer.metadata(metadata).peft(path);
        } else {
            makeParent();
            if (form == LoraForm.DIFFUSERS) {
                writer.metadata(metadata).diffusers(path);
            } else {
                writer.kohya(path, kohya(origin.architecture(), metadata));
            }
        }
        int rank = adapters.stream().mapToInt(LoraWeights::rank).max().orElse(0);
        out.printf(
                "%s: %s, %s, rank %d, %d layers%n",
                path,
                form.name().toLowerCase(Locale.ROOT),
                dtype,
                rank,
                adapters.stream().mapToInt(adapter -> adapter.modules().size()).sum());
    }

    private void makeParent() {
        Path parent = path.toAbsolutePath().getParent();
        if (Files.isDirectory(path)) {
            throw new CheckpointException(path + " is a folder, but this form is a file");
        }
        try {
            if (parent != null) {
                Files.createDirectories(parent);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + parent + ": " + e, e);
        }
    }

    private KohyaMetadata kohya(Optional<Architecture> architecture, Map<String, String> metadata) {
        String file = path.getFileName().toString();
        String title = file.endsWith(EXTENSION) ? file.substring(0, file.length() - EXTENSION.length()) : file;
        return architecture
                .map(known -> KohyaMetadata.builder(known).title(title).build())
                .orElseGet(() -> KohyaMetadata.of(Map.of()))
                .with(metadata);
    }

    /** The form by its name: kohya's is also that of A1111 and ComfyUI. */
    static Optional<LoraForm> form(String name) {
        return switch (name) {
            case "diffusers" -> Optional.of(LoraForm.DIFFUSERS);
            case "peft" -> Optional.of(LoraForm.PEFT);
            case "kohya", "a1111", "comfyui" -> Optional.of(LoraForm.KOHYA);
            default -> Optional.empty();
        };
    }
}
