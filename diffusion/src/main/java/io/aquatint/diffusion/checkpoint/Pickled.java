package io.aquatint.diffusion.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Files of Python's pickle, which can run any code when they are loaded and are therefore never read. */
final class Pickled {
    static final String REASON = "they can run code when they are loaded and are refused; convert them to safetensors";

    private static final List<String> SUFFIXES = List.of(".bin", ".ckpt", ".pt", ".pth", ".pkl");

    private Pickled() {}

    static boolean hasSuffix(String file) {
        return SUFFIXES.stream().anyMatch(file::endsWith);
    }

    /**
     * Opens a safetensors file.
     *
     * @throws CheckpointException where it is pickled, by its name or by its first bytes, whatever its name
     */
    static SafetensorsFile refuseOrOpen(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException("there is no file " + file);
        }
        if (hasSuffix(file.toString()) || startsAsPickle(file)) {
            throw new CheckpointException(file + " has pickled weights: " + REASON);
        }
        return SafetensorsFile.open(file);
    }

    /** PyTorch's zip archives, and bare pickles of protocol 2 and later. */
    private static boolean startsAsPickle(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] start = in.readNBytes(9);
            if (start.length < 9 || start[8] == '{') { // where the header of a safetensors file begins
                return false;
            }
            boolean zip = start[0] == 'P' && start[1] == 'K' && start[2] == 3 && start[3] == 4;
            return zip || (start[0] == (byte) 0x80 && start[1] >= 2 && start[1] <= 5);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }
}
